"""Accounts: the rules of users, sessions, passwords and what admins do."""
