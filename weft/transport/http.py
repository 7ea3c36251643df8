"""The GraphQL endpoint over HTTP: an ASGI application, and the hot path of the server.

It follows "GraphQL over HTTP" (https://graphql.github.io/graphql-over-http/draft/).
"""

import asyncio
from typing import Any

from graphql import ExecutionResult, OperationType
from starlette.types import Receive, Scope, Send

from weft.documents.documents import Documents
from weft.errors import OperationNotAllowed, RateLimited
from weft.execution.engine import ALL_OPERATIONS
from weft.execution.errors import Refused
from weft.execution.schema import Schema
from weft.explanation import Explanation
from weft.rates.budget import UNCHARGED_BYTES, CostBudget, charge_bytes, charged, current_client
from weft.transport.answer import ALLOW, NOSNIFF, PAID, HttpAnswer, refused, send_answer
from weft.transport.browser_page import BrowserPage
from weft.transport.concurrency import InFlight
from weft.transport.disconnect import ClientGone, ClientWatch
from weft.transport.event_stream import EventStream
from weft.transport.exchange import Exchange, exchange_of
from weft.transport.gate import Gate
from weft.transport.headers import POLICY, authorization_of, headers_of, request_id_of, stamp_of
from weft.transport.http_caching import is_public, keepable
from weft.transport.negotiation import EVENT_STREAM, HTML, JSON, check_content_type, response_type
from weft.transport.refusals import (
    BodyTimeout,
    BodyTooLarge,
    MethodNotAllowed,
    NotAcceptable,
    TargetTooLong,
    UnsupportedMediaType,
)
from weft.transport.request import Bodies, GraphQLRequest, from_query_string
from weft.transport.response import (
    ANSWER_LIMIT_BYTES,
    encode_result,
    raise_if_limited,
    status_of_result,
    weighed,
)
from weft.transport.service import OPERATIONS_AT_ONCE, LiveService

READING = frozenset({OperationType.QUERY})
STREAMED_BY_GET = READING | {OperationType.SUBSCRIPTION}

Read = tuple[GraphQLRequest, int, bytes | None]
"""A request, the charge for its bytes, and its body if `Bodies` did not know it; else None."""


class GraphQLEndpoint:
    """Answers GET, POST and OPTIONS of one URL, and HEAD if a browser opens the page.

    - `operation_timeout_ms`: how long an operation may run; then its unfinished fields are
      DEADLINE_EXCEEDED.
    - `body_limit_bytes`: the longest body, and the longest query string, that is read.
    - `body_timeout_seconds`: how long a body may take to arrive.
    - `page`: shown to a browser that opens the URL; without it, there is none.
    - `live`: what streams share with sockets; without it there are no streams.
    - `documents`: looks up documents that requests only name.
    - `max_age_seconds`: how long any cache may store the response to an anonymous GET of such a
      document.
    - `budget`: what the operations of a client may cost in a minute; without it, no limit.
    - `answer_limit_bytes`: the longest response; a longer one is RESPONSE_TOO_LARGE.
    - `in_flight`: how many operations may run at once; the next is answered 503.
    """

    def __init__(
        self,
        schema: Schema,
        gate: Gate[Any],
        *,
        operation_timeout_ms: int = 10_000,
        body_limit_bytes: int = 1_048_576,
        body_timeout_seconds: float = 30,
        page: BrowserPage | None = None,
        live: LiveService | None = None,
        in_flight: InFlight | None = None,
        documents: Documents | None = None,
        max_age_seconds: int = 0,
        budget: CostBudget | None = None,
        answer_limit_bytes: int = ANSWER_LIMIT_BYTES,
    ) -> None:
        self._answer_limit_bytes = answer_limit_bytes
        self._engine = schema.engine
        self._gate = gate
        self._deadline_seconds = operation_timeout_ms / 1000
        self._body_limit_bytes = body_limit_bytes
        self._body_timeout_seconds = body_timeout_seconds
        self._page = page
        self._live = live
        self._documents = documents or Documents(schema.engine.is_valid)
        self._budget = budget
        self._max_age_seconds = max_age_seconds
        self._bodies = Bodies()
        self._in_flight = in_flight or InFlight(OPERATIONS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; its operation is cancelled if the client disconnects."""
        headers, exchange = headers_of(scope), exchange_of(scope)
        media_type = JSON
        try:
            media_type = self._media_type(scope["method"], headers)
            if scope["method"] == "OPTIONS":
                charge_bytes(self._budget, 0)
                answer = HttpAnswer(204, JSON, b"", ALLOW)
            elif self._page is not None and media_type == HTML:
                charge_bytes(self._budget, 0)
                answer = self._page.answer(headers)
            elif self._live is not None and media_type == EVENT_STREAM:
                media_type = JSON  # of a refusal before the stream begins
                await self._stream(self._live, scope, headers, receive, send)
                return
            else:
                answer = await self._answer(scope, headers, receive, media_type, exchange)
        except ClientGone:
            return
        except Exception as error:
            answer = await refused(self._paid(error), media_type)
        if exchange is not None:
            lines = answer.header_lines() + stamp_of(scope).response_lines()
            if exchange.respond(answer.status, lines, answer.body):
                return
        scope[PAID] = True
        await send_answer(send, answer)

    def _paid(self, error: Exception) -> Exception:
        """Charges for a request that is refused by its headers; returns the error to send."""
        if isinstance(error, NotAcceptable | UnsupportedMediaType):
            try:
                charge_bytes(self._budget, 0)
            except RateLimited as limited:
                return limited
        return error

    def _media_type(self, method: str, headers: dict[bytes, bytes]) -> str:
        if method == "OPTIONS":
            return JSON
        html = self._page is not None and method in ("GET", "HEAD")
        return response_type(headers.get(b"accept"), html=html, streams=self._live is not None)

    async def _answer(
        self,
        scope: Scope,
        headers: dict[bytes, bytes],
        receive: Receive,
        media_type: str,
        exchange: Exchange | None,
    ) -> HttpAnswer:
        read = self._at_hand(scope, headers, exchange)
        if read is None:
            read = await self._request(scope, headers, receive)
        asked, bytes_cost, new_body = read
        request = asked
        if not self._documents.takes_as_is(asked):
            request = await self._documents.complete(asked, charged(self._budget, None))
        if new_body is not None:
            self._bodies.keep(new_body, asked, request.query)
        with self._in_flight, ClientWatch(receive, exchange):
            result = await self._run(request, headers, scope, bytes_cost)
        gets = scope["method"] == "GET"
        if gets and _is_not_allowed(result):
            raise MethodNotAllowed("GET is for queries only; use POST.")
        raise_if_limited(result)
        body = encode_result(result)
        if len(body) > UNCHARGED_BYTES:
            client = current_client(self._budget)
            result, body = weighed(result, body, self._answer_limit_bytes, client)
        if gets and request is not asked and not result.errors and is_public(headers):
            known, keeping = keepable(headers, body, self._max_age_seconds)
            status, body = (304, b"") if known else (200, body)
            return HttpAnswer(status, media_type, body, keeping, common=(*NOSNIFF, POLICY))
        return HttpAnswer(status_of_result(result, media_type), media_type, body)

    async def _stream(
        self,
        live: LiveService,
        scope: Scope,
        headers: dict[bytes, bytes],
        receive: Receive,
        send: Send,
    ) -> None:
        asked, _, _ = await self._request(scope, headers, receive)
        request = await self._documents.complete(asked, charged(self._budget, None))
        authorization = authorization_of(headers)
        viewer = await self._gate.viewer(authorization)
        stream = EventStream(live, scope, receive, send)
        allow = STREAMED_BY_GET if scope["method"] == "GET" else ALL_OPERATIONS
        await stream.serve(request, viewer, authorization, allow=allow)

    async def _run(
        self,
        request: GraphQLRequest,
        headers: dict[bytes, bytes],
        scope: Scope,
        bytes_cost: int,
    ) -> ExecutionResult:
        viewer = await self._gate.viewer(authorization_of(headers))
        context = self._gate.context(viewer, request_id_of(scope))
        charge = charged(self._budget, self._gate.audience(viewer))
        explanation = None
        if request.extensions is not None and self._is_explained(request.extensions, viewer):
            explanation = Explanation()
            explanation.add_charge(bytes_cost)
            charge = explanation.charging(charge)
            context.explain(explanation)
        result = await self._engine.run(
            request.query,
            variables=request.variables,
            operation_name=request.operation_name,
            context=context,
            allow=READING if scope["method"] == "GET" else ALL_OPERATIONS,
            deadline_seconds=self._deadline_seconds,
            raw=True,
            sees_schema=self._gate.sees_schema(viewer),
            charge=charge,
        )
        if explanation is not None:
            result.extensions = {**(result.extensions or {}), "explain": explanation.as_dict()}
        return result

    def _is_explained(self, extensions: dict[str, Any], viewer: Any) -> bool:
        """Whether the request has `{"explain": true}` and its viewer may request that."""
        return extensions.get("explain") is True and self._gate.explains_to(viewer)

    def _at_hand(
        self, scope: Scope, headers: dict[bytes, bytes], exchange: Exchange | None
    ) -> Read | None:
        """The request, if its whole body has arrived; else None."""
        if exchange is None or scope["method"] != "POST":
            return None
        body = exchange.body()
        if body is None or len(body) > self._body_limit_bytes:
            return None
        _check_is_read(headers)
        return self._read(body)

    async def _request(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Read:
        method = scope["method"]
        if method == "POST":
            _check_is_read(headers)
            return self._read(await self._body(headers, receive))
        if method == "GET":
            query_string: bytes = scope["query_string"]
            cost = charge_bytes(self._budget, len(query_string))
            if len(query_string) > self._body_limit_bytes:
                raise TargetTooLong(f"The URL has more than {self._body_limit_bytes} bytes.")
            return from_query_string(query_string), cost, None
        charge_bytes(self._budget, 0)
        raise MethodNotAllowed(f"{method} is not served here; use POST, or GET for queries.")

    def _read(self, body: bytes) -> Read:
        cost = charge_bytes(self._budget, len(body))
        request, is_known = self._bodies.read(body)
        return request, cost, None if is_known else body

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        left = self._body_limit_bytes
        chunks: list[bytes] = []
        try:
            if int(headers.get(b"content-length", b"0")) > left:
                raise self._too_large()
            async with asyncio.timeout(self._body_timeout_seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    chunks.append(message.get("body", b""))
                    left -= len(chunks[-1])
                    if left < 0:
                        raise self._too_large()
                    more = message.get("more_body", False)
        except Exception as error:
            charge_bytes(self._budget, sum(map(len, chunks)))  # `_read` will not charge for it
            if isinstance(error, TimeoutError):
                raise BodyTimeout("The body did not arrive in time.") from None
            raise
        return b"".join(chunks)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body has more than {self._body_limit_bytes} bytes.")


def _is_not_allowed(result: ExecutionResult) -> bool:
    return isinstance(result, Refused) and any(
        isinstance(error.original_error, OperationNotAllowed) for error in result.errors or ()
    )


def _check_is_read(headers: dict[bytes, bytes]) -> None:
    check_content_type(headers.get(b"content-type"))
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMediaType("Compressed bodies are not read.")
