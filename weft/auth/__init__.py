"""Passwords, tokens and sessions of subjects, whoever they are."""
