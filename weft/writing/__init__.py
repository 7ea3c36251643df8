"""Writing: requests in, transactions out, joined across requests."""
