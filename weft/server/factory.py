"""Makes the protocol of each connection."""

import asyncio
from functools import partial
from typing import cast

from weft.server.http_protocol import HttpProtocol
from weft.server.shared import Shared


def protocol_factory(shared: Shared) -> type[asyncio.Protocol]:
    """What `uvicorn.Config` takes as `http`, and gives to each worker process a copy of."""
    return cast(type[asyncio.Protocol], partial(HttpProtocol, shared))
