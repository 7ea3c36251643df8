"""Every error that a client may see, with its stable code.

WeftError
├── RequestError         the request is refused before anything ran
│   ├── BadRequest              BAD_REQUEST
│   │   └── OperationNotAllowed     BAD_REQUEST
│   ├── DocumentLimitExceeded   DOCUMENT_LIMIT_EXCEEDED
│   ├── CostLimitExceeded       COST_LIMIT_EXCEEDED
│   ├── IntrospectionRefused    INTROSPECTION_REFUSED
│   ├── Overloaded              OVERLOADED (retriable)
│   ├── RateLimited             TOO_MANY_REQUESTS (retriable)
│   └── Unauthenticated         UNAUTHENTICATED
├── ResponseTooLarge     RESPONSE_TOO_LARGE; the operation has run, its response is not sent
├── FieldError           one field has no answer; the rest of the operation has
│   ├── BadArgument          BAD_USER_INPUT
│   │   ├── BadId                BAD_ID
│   │   ├── BadCursor            BAD_CURSOR
│   │   └── BadPage              BAD_PAGE
│   ├── Forbidden            FORBIDDEN
│   ├── DeadlineExceeded     DEADLINE_EXCEEDED
│   ├── TooMuchToRead        SEARCH_TOO_BROAD
│   ├── Unreadable           UNREADABLE
│   └── Unavailable          UNAVAILABLE (retriable)
│       └── TookTooLong          UNAVAILABLE (retriable)
└── DeclarationError     a schema declaration is wrong; raised at import, never seen by clients

Any other exception is masked: see `weft.execution.errors`.
"""

from typing import Any, ClassVar


class WeftError(Exception):
    """An error whose message is written for the client."""

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"

    def __init__(self, message: str, **extensions: Any) -> None:
        super().__init__(message)
        self.message = message
        self.extensions: dict[str, Any] = {**extensions, "code": self.code}


class RequestError(WeftError):
    """The request is refused before anything ran; `status` is the HTTP status."""

    status: ClassVar[int] = 400


class BadRequest(RequestError):
    """The request is no well-formed GraphQL request."""

    code = "BAD_REQUEST"


class OperationNotAllowed(BadRequest):
    """Operations of this type are not run here, such as mutations by GET."""


class DocumentLimitExceeded(RequestError):
    """The document exceeds a limit: `limit` names it, `maximum` is its value."""

    code = "DOCUMENT_LIMIT_EXCEEDED"


class CostLimitExceeded(RequestError):
    """The operation, with its variables, would cost more than `maximum`; `cost` is its cost."""

    code = "COST_LIMIT_EXCEEDED"


class IntrospectionRefused(RequestError):
    """The schema is not shown to this viewer."""

    code = "INTROSPECTION_REFUSED"


class Overloaded(RequestError):
    """The process runs as many operations as it may; a retry may succeed in a moment."""

    code = "OVERLOADED"
    status = 503


class RateLimited(RequestError):
    """The client has exceeded a limit; it may retry in `retry_after_seconds`."""

    code = "TOO_MANY_REQUESTS"
    status = 429

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message, retryAfterSeconds=retry_after_seconds)
        self.retry_after_seconds = retry_after_seconds


class Unauthenticated(RequestError):
    """The credentials are malformed, expired or revoked. A request without any is no error."""

    code = "UNAUTHENTICATED"
    status = 401


class ResponseTooLarge(WeftError):
    """The response exceeds `maximum` bytes and is not sent; the operation has run, with writes."""

    code = "RESPONSE_TOO_LARGE"

    def __init__(self, maximum_bytes: int) -> None:
        super().__init__(
            f"The response has more than {maximum_bytes} bytes and is not sent: ask for less at "
            "once. The operation has run: what it had to write is written.",
            maximum=maximum_bytes,
        )


class FieldError(WeftError):
    """One field has no value; it is null, or nulls its parent if its type is non-null."""


class BadArgument(FieldError):
    """An argument is of the right type but has an invalid value."""

    code = "BAD_USER_INPUT"


class BadId(BadArgument):
    """A global ID that this server never made, or one of another type."""

    code = "BAD_ID"


class BadCursor(BadArgument):
    """A cursor that this connection, in this order, never gave out."""

    code = "BAD_CURSOR"


class BadPage(BadArgument):
    """`first` and `last` out of range, or both given."""

    code = "BAD_PAGE"


class Forbidden(FieldError):
    """The viewer may see the object but not this field of it."""

    code = "FORBIDDEN"


class DeadlineExceeded(FieldError):
    """The operation ran out of time before this field was answered."""

    code = "DEADLINE_EXCEEDED"


class TooMuchToRead(FieldError):
    """A search, an order or a count took longer than searches may: request less."""

    code = "SEARCH_TOO_BROAD"


class Unreadable(FieldError):
    """The stored value was written by another program, and is invalid for the field."""

    code = "UNREADABLE"

    def __init__(self, message: str = "What is stored here cannot be read.") -> None:
        super().__init__(message)


class Unavailable(FieldError):
    """A store could not be reached or gave up; a retry may succeed later."""

    code = "UNAVAILABLE"


class TookTooLong(Unavailable):
    """A statement was ended by its time limit; its connection is still usable."""


class DeclarationError(WeftError):
    """A type or field is declared wrongly; the server does not start."""

    code = "DECLARATION_ERROR"
