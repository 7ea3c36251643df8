"""Documents that clients name instead of sending their text."""
