"""The rule that an account may have to verify its e-mail address before it writes."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, get_type_hints

from resolvers.context import Info
from weft.problem import UserError, UserErrorCode

UNVERIFIED = UserError(
    UserErrorCode.FORBIDDEN,
    "Verify your e-mail address first: requestEmailVerification mails you a token.",
)


def by_verified(resolver: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The mutation's resolver, not reached by accounts that may only read.

    They are answered by the payload that the resolver declares to return, with one error.
    """
    payload = get_type_hints(resolver)["return"]

    @wraps(resolver)
    def resolve(info: Info, **given: Any) -> Awaitable[Any]:
        if info.context.viewer.is_read_only:
            return _refused(payload)
        return resolver(info, **given)

    return resolve


async def _refused(payload: Callable[..., Any]) -> Any:
    return payload(errors=[UNVERIFIED])
