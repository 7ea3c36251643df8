"""Errors of requests that name a document, or should."""

from weft.errors import RequestError


class DocumentNotFound(RequestError):
    """No document is registered by this id; if it is a hash, send the text with it once."""

    # Apollo's clients know this message and this code, and then send the text.
    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")


class WrongHash(RequestError):
    """The hash is not the SHA-256 of the text that came with it."""

    code = "PERSISTED_QUERY_HASH_MISMATCH"


class DocumentNotTrusted(RequestError):
    """The server runs registered documents only, and this one was sent as a text."""

    code = "DOCUMENT_NOT_TRUSTED"
