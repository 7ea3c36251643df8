"""What a checkout needs besides serving: reload on change, generated files, sample rows."""
