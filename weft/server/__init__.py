"""HTTP/1.1 and WebSockets over asyncio: what uvicorn is given as the protocol of connections."""
