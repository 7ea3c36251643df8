"""Rate limits of clients, counted in Redis, or in the process while Redis is out of reach."""
