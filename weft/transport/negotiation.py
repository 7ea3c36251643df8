"""The media type of responses, by Accept (RFC 9110, 12.5.1), and those that bodies may have."""

import re
from functools import lru_cache

from weft.bounds import MEDIA_TYPES
from weft.transport.refusals import NotAcceptable, UnsupportedMediaType

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"
HTML = "text/html"
EVENT_STREAM = "text/event-stream"

ACCEPT_LIMIT_BYTES = 2048
"""A longer Accept header is not parsed."""
ACCEPT_BYTES = 2_600
"""The memory of one parsed header in the cache."""
WEIGHT = re.compile(r"[01](\.[0-9]*)?|\.[0-9]+")
ANYTHING = "*/*"


def response_type(accept: bytes | None, *, html: bool, streams: bool = False) -> str:
    """`GRAPHQL_RESPONSE`, `JSON` or, where that is allowed, `HTML` or `EVENT_STREAM`.

    The highest weight wins, then the more specific range, then `GRAPHQL_RESPONSE`; but a client
    that accepts anything gets `JSON`, which every client can read. So does one whose header is
    over ACCEPT_LIMIT_BYTES. Raises `NotAcceptable`.
    """
    if not accept or accept == b"*/*" or len(accept) > ACCEPT_LIMIT_BYTES:
        return JSON
    return _best(accept, html, streams)


@lru_cache(MEDIA_TYPES.entries(ACCEPT_BYTES))
def _best(accept: bytes, html: bool, streams: bool) -> str:
    weights = _weights(accept.decode("latin-1").lower())
    offers = [GRAPHQL_RESPONSE, JSON]
    if html:
        offers.append(HTML)
    if streams and EVENT_STREAM in weights:  # `*/*` never selects a stream
        offers.append(EVENT_STREAM)
    weight, _, _, best = max((*_rank(offer, weights), offer) for offer in offers)
    if weight == 0:
        raise NotAcceptable(f"Accept {GRAPHQL_RESPONSE} or {JSON}.")
    return best


def _rank(offer: str, weights: dict[str, float]) -> tuple[float, int, bool]:
    """The weight of the most specific range that covers `offer`, the specificity of that range,
    and whether `offer` is preferred among equals.
    """
    ranges = (ANYTHING, offer.partition("/")[0] + "/*", offer)
    for specificity in (2, 1, 0):
        if (weight := weights.get(ranges[specificity])) is not None:
            preferred = GRAPHQL_RESPONSE if specificity == 2 else JSON
            return weight, specificity, offer == preferred
    return 0.0, 0, False


def _weights(accept: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in accept.split(","):
        media_range, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "charset" and value.strip(' "') not in ("utf-8", "utf8"):
                weight = 0.0
            elif name.strip() == "q":
                weight = min(weight, _weight(value.strip()))
        if media_range == "*":  # Java sends this and means `*/*`
            media_range = ANYTHING
        weights[media_range] = max(weight, weights.get(media_range, 0.0))
    return weights


def _weight(text: str) -> float:
    """The weight; 1 if the text is malformed, so that no client is refused for that."""
    return min(float(text), 1.0) if WEIGHT.fullmatch(text) else 1.0


def check_content_type(content_type: bytes | None) -> None:
    """Raises `UnsupportedMediaType` for all but JSON in UTF-8.

    This includes every type that an HTML form can send, so a page of another origin cannot post
    here without a CORS preflight.
    """
    if content_type == b"application/json":
        return
    media_type, *parameters = (content_type or b"").decode("latin-1").lower().split(";")
    if media_type.strip() != JSON:
        raise UnsupportedMediaType(f"Send the body as {JSON}.")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8"):
            raise UnsupportedMediaType("Send the body in UTF-8.")
