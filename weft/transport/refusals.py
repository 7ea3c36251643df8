"""The errors with which HTTP refuses a request before any of it runs, by status.

BadRequest                400
├── MethodNotAllowed      405
├── NotAcceptable         406
├── BodyTimeout           408
├── BodyTooLarge          413
├── TargetTooLong         414
└── UnsupportedMediaType  415
"""

from weft.errors import BadRequest


class MethodNotAllowed(BadRequest):
    """Neither GET, POST nor OPTIONS, or a GET of an operation that is no query."""

    status = 405


class NotAcceptable(BadRequest):
    """The Accept header accepts none of the media types that can be served."""

    status = 406


class BodyTimeout(BadRequest):
    """The body did not arrive in time."""

    status = 408


class BodyTooLarge(BadRequest):
    """The body is longer than the limit."""

    status = 413


class TargetTooLong(BadRequest):
    """The query string is longer than the limit."""

    status = 414


class UnsupportedMediaType(BadRequest):
    """The body is not JSON in UTF-8, or it is compressed."""

    status = 415
