"""Why HTTP refuses a request before any of it runs: `BadRequest`, told apart by status.

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
    """Neither GET, POST nor OPTIONS, or a GET that would do more than read."""

    status = 405


class NotAcceptable(BadRequest):
    """The Accept header takes none of the media types there are."""

    status = 406


class BodyTimeout(BadRequest):
    """The body did not arrive in time."""

    status = 408


class BodyTooLarge(BadRequest):
    """The body has more bytes than are read."""

    status = 413


class TargetTooLong(BadRequest):
    """The query string has more bytes than are read."""

    status = 414


class UnsupportedMediaType(BadRequest):
    """The body is not JSON in UTF-8, or it is compressed."""

    status = 415
