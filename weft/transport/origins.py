"""Origins of pages (RFC 6454): their normal form, and which of them may call."""

import re
from collections.abc import Collection
from ipaddress import IPv6Address

from fastapi.middleware.cors import CORSMiddleware

ANY = "*"
DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_PORT = 65_535
ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?P<host>[a-z0-9._~%-]+|\[(?P<ipv6>[0-9a-f:.]+)\])"
    r"(:(?P<port>[0-9]{1,5}))?"
)


def normalised(origin: str) -> str | None:
    """The origin as browsers send it: in lower case, without the port that its scheme implies.

    None for anything else, such as `null` or an origin with a path.
    """
    parts = ORIGIN.fullmatch(origin.lower())
    if parts is None:
        return None
    scheme, host = parts["scheme"], parts["host"]
    port = int(parts["port"] or DEFAULT_PORTS.get(scheme, 0))
    if port > MAX_PORT:
        return None
    if parts["ipv6"] is not None:
        try:
            host = f"[{IPv6Address(parts['ipv6'])}]"
        except ValueError:
            return None
    written = "" if port == DEFAULT_PORTS.get(scheme, 0) else f":{port}"
    return f"{scheme}://{host}{written}"


def is_of_host(origin: str, host: str) -> bool:
    """Whether a page of this origin was served under this value of the Host header.

    A missing port is the default of the page's scheme. The scheme itself is not compared: behind a
    proxy that ends TLS the server does not know its own.
    """
    scheme, _, _ = origin.partition("://")
    form = normalised(origin)
    return form is not None and form == normalised(f"{scheme}://{host}")


def allowed_origin(text: str) -> str:
    """An origin from the settings in the form of `normalised`; `*`, for any, is returned as it is.

    A trailing slash is allowed. Raises ValueError if the text is no origin.
    """
    if text == ANY:
        return text
    form = normalised(text.removesuffix("/"))
    if form is None:
        raise ValueError(f"{text!r} is no origin, such as https://app.example.com")
    return form


def allowed_origins(texts: Collection[str]) -> frozenset[str]:
    """Several origins from the settings, each as `allowed_origin` returns it."""
    return frozenset(map(allowed_origin, texts))


class CrossOrigin(CORSMiddleware):
    """Starlette's CORS middleware, which compares origins in the form of `normalised`."""

    def is_allowed_origin(self, origin: str) -> bool:
        return self.allow_all_origins or normalised(origin) in self.allow_origins
