"""Accounts: users, sessions and the audit log, loaded in batches."""
