"""Accounts: users, their sessions and tokens, what admins do; tables and statements."""
