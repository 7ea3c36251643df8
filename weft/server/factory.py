"""Creates the protocol of each connection."""

import asyncio
from functools import partial
from typing import cast

from weft.server.http_protocol import HttpProtocol
from weft.server.shared import Shared


def protocol_factory(shared: Shared) -> type[asyncio.Protocol]:
    """The factory that `uvicorn.Config` takes as `http`, and copies to each worker process."""
    return cast(type[asyncio.Protocol], partial(HttpProtocol, shared))
