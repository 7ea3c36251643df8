"""Tools for a checkout: reload on change, generated files, sample rows."""
