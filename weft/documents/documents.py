"""Finds the text of documents that clients only name."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, Protocol

import msgspec

from weft.bounded_cache import BoundedCache
from weft.bounds import DOCUMENTS
from weft.documents.errors import DocumentNotFound, DocumentNotTrusted, WrongHash
from weft.errors import BadRequest
from weft.memory_weight import weight_of
from weft.transport.request import GraphQLRequest

LOOK_UP_COST = 10
"""Cost of looking up a document that this process does not keep."""
HASHED = "sha256:"

Charge = Callable[[int], None]

Find = Callable[[str], Awaitable[str | None]]
"""Returns the registered document of an id; None if there is none."""


class Shared(Protocol):
    """Storage that processes share for documents that clients register by sending them."""

    async def get(self, sha256: str) -> str | None: ...

    async def put(self, sha256: str, text: str) -> None: ...


class Documents:
    """Completes requests with the text of the document that they name.

    A client names a document by `documentId` (GraphQL over HTTP, "Persisted Documents") or by
    `extensions.persistedQuery.sha256Hash` (Apollo's automatic persisted queries). `find` looks up
    registered ones. Others are looked up in `shared` by their hash, where a text is stored if it
    was sent with its hash and is valid. With `trusted_only` there are no others, and requests with
    a text are refused.
    """

    def __init__(
        self,
        is_valid: Callable[[str, str | None, Charge | None], bool],
        shared: Shared | None = None,
        find: Find | None = None,
        *,
        trusted_only: bool = False,
        charge: Callable[[str, int], None] = lambda _purpose, _cost: None,
    ) -> None:
        """`charge` is called with the purpose and cost of a look-up elsewhere; it may raise."""
        self._is_valid = is_valid
        self._shared = shared
        self._find = find
        self._trusted_only = trusted_only
        self._charge = charge
        self._known: BoundedCache[str, str] = BoundedCache(DOCUMENTS)

    def takes_as_is(self, request: GraphQLRequest) -> bool:
        """Whether there is nothing to complete, as for nearly all requests: saves an await."""
        return not (self._trusted_only or request.document_id or request.extensions)

    async def complete(
        self, request: GraphQLRequest, charge: Charge | None = None
    ) -> GraphQLRequest:
        """Returns the request with its text.

        Raises the errors of `weft.documents.errors`, and `BadRequest`. `charge` is called with the
        cost of reading a text that is sent to be registered.
        """
        id_ = named(request)
        if request.query and self._trusted_only:
            raise DocumentNotTrusted("This server runs registered documents only: name one.")
        if id_ is None:
            return request
        if request.query:
            await self._register(id_, request, charge)
            return request
        text = self._known.get(id_) or await self._look_up(id_)
        if text is None:
            raise DocumentNotFound
        return msgspec.structs.replace(request, query=text)

    async def _register(self, id_: str, request: GraphQLRequest, charge: Charge | None) -> None:
        hash_ = id_.removeprefix(HASHED)
        if sha256(request.query.encode()).hexdigest() != hash_:
            raise WrongHash("The hash is not the SHA-256 of the text.")
        if self._known.get(hash_) is None and self._is_valid(
            request.query, request.operation_name, charge
        ):
            self._remember(hash_, request.query)
            if self._shared is not None:
                await self._shared.put(hash_, request.query)

    async def _look_up(self, id_: str) -> str | None:
        self._charge("address", LOOK_UP_COST)
        text = None
        hash_ = id_.removeprefix(HASHED)
        if self._find is not None:
            text = await self._find(id_)
            if text is None and hash_ != id_:
                text = await self._find(hash_)
        if text is None and self._shared is not None and not self._trusted_only:
            text = self._known.get(hash_) or await self._shared.get(hash_)
        if text is not None:
            self._remember(id_, text)
        return text

    def _remember(self, id_: str, text: str) -> None:
        self._known.put(id_, text, weight_of((id_, text)))


def named(request: GraphQLRequest) -> str | None:
    """Returns the id by which a request names its document; None if it names none.

    Raises `BadRequest` for a malformed `extensions.persistedQuery`.
    """
    if request.document_id is not None:
        return request.document_id
    if request.extensions is None:
        return None
    persisted: Any = request.extensions.get("persistedQuery")
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != 1:
        raise BadRequest("`extensions.persistedQuery` must be an object of version 1.")
    hash_ = persisted.get("sha256Hash")
    if not isinstance(hash_, str) or not hash_:
        raise BadRequest("`extensions.persistedQuery.sha256Hash` must be a text.")
    return hash_.lower()
