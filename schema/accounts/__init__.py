"""Accounts as clients see them: users, sessions, what changes and ends them."""
