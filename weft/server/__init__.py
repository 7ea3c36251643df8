"""HTTP/1.1 and WebSockets over asyncio: the protocol that uvicorn uses for connections."""
