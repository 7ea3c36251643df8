"""Logs and health checks of the server."""
