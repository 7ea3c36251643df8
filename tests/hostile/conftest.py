from tests.weft.transport.conftest import client, one_server, server

__all__ = ["client", "one_server", "server"]
