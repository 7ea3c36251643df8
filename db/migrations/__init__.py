"""The history of the tables, oldest first; a revision that has been released never changes."""
