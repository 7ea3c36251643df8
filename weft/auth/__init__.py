"""Passwords, tokens and sessions of subjects of any kind."""
