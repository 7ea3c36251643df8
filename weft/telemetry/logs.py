"""Logs: one stream on standard error, one record a line, one format for all loggers.

Use `structlog.get_logger()` or `logging.getLogger()`; every record that is written for a request
has the request id, and what else is bound by `structlog.contextvars.bind_contextvars`.
"""

import logging
import re
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor

SECRET_KEYS = frozenset(
    ["authorization", "cookie", "password", "secret", "token", "access_token", "refresh_token"]
)

SECRET_PATTERN = re.compile(
    r"(?P<before>://[^\s:/@]*:)[^\s@/]+(?=@)"  # the password in a URL
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]+"  # a JSON Web Token
    r"|\$argon2\S+"  # a password's hash
    r"|(?<![\w.+-])[\w.+-]+@[\w-]+(\.[\w-]+)+"  # an e-mail address, such as in PostgreSQL's errors
)

MASK = "***"

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request, or of the operation of a socket, that is being served."""

CHATTERS = ("alembic", "asyncio", "uvicorn")
"""Loggers of libraries that log every start and stop; written from `warning` on."""


def configure_logs(level: str, form: Literal["console", "json"]) -> None:
    """Configures structlog and the standard library's logging; the last call counts.

    `level` is the lowest level that is written: debug, info, warning or error. Text that looks like
    a secret is masked, whichever logger writes it.
    """
    logging.captureWarnings(True)
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_shared(), structlog.stdlib.ExtraAdder()],
            processors=_rendering(form),
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in CHATTERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _shared() -> Sequence[Processor]:
    return (
        structlog.contextvars.merge_contextvars,
        _add_request_id,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    )


def _add_request_id(_logger: object, _method: str, event: EventDict) -> EventDict:
    request_id = REQUEST_ID.get()
    if request_id is not None:
        event["request_id"] = request_id
    return event


def _rendering(form: Literal["console", "json"]) -> Sequence[Processor]:
    first = (structlog.stdlib.ProcessorFormatter.remove_processors_meta, _mask_keys)
    if form == "console":
        console = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        return (*first, console, _mask_text)
    # Tracebacks as text: structured ones carry the local variables.
    rendering = (structlog.processors.format_exc_info, structlog.processors.JSONRenderer())
    return (*first, *rendering, _mask_text)


def _mask_keys(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {key: MASK if key.lower() in SECRET_KEYS else value for key, value in event.items()}


def _mask_text(_logger: object, _method: str, rendered: Any) -> str:
    return SECRET_PATTERN.sub(lambda match: f"{match['before'] or ''}{MASK}", rendered)
