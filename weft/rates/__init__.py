"""How much one client may ask for in a time; counted in Redis, and without it in the process."""
