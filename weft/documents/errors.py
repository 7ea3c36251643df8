"""Why a document that is named is not run."""

from weft.errors import RequestError


class DocumentNotFound(RequestError):
    """Nobody has registered a document of this id; of a hash: send it with the text once."""

    # Apollo's clients know this message and this code, and send the text then.
    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")


class WrongHash(RequestError):
    """The hash is not the SHA-256 of the text that came with it."""

    code = "PERSISTED_QUERY_HASH_MISMATCH"


class DocumentNotTrusted(RequestError):
    """The server runs registered documents only, and this one came as a text."""

    code = "DOCUMENT_NOT_TRUSTED"
