"""Writing: carries out updates in transactions that join them across requests."""
