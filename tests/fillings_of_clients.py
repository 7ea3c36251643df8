"""Fills the caches about clients, and that of the change log."""

from typing import Any

import pytest
from limits import RateLimitItemPerMinute

from tests.fillings import FILLINGS, START, fills, numbers, text
from weft import bounds
from weft.auth.tokens import AccessTokens
from weft.changes.batch import Batch
from weft.changes.change import Change, ChangeKind, Point
from weft.changes.pages import PAGE, LogPages
from weft.declare.identity import decode_id, encode_id, global_id
from weft.rates.address import counted_address
from weft.rates.budget import CostBudget
from weft.rates.windows import OwnWindows
from weft.transport.negotiation import response_type

__all__ = ["FILLINGS"]
"""The fillings of `tests.fillings` and of this module."""


@fills(bounds.TOKENS)
def tokens(room: int, patch: pytest.MonkeyPatch) -> Any:
    patch.setattr("weft.auth.tokens.TOKENS", bounds.TOKENS.of(room))
    kept = AccessTokens(key_id="1", secret="s" * 32)
    for _ in range(2_500):
        token, _ = kept.issue(text(8), next(numbers), START)
        for _ in range(2):
            kept.read(token, START)
    return kept


@fills(bounds.CLIENTS)
def clients(room: int, patch: pytest.MonkeyPatch) -> Any:
    patch.setattr("weft.rates.budget.CLIENTS", bounds.CLIENTS.of(room))
    patch.setattr("weft.rates.budget.MAX_UNTOLD", bounds.CLIENTS.of(room).entries(600))
    windows: Any = None
    kept = CostBudget(windows, 10**6, lambda: 0.5)
    for _ in range(5_000):
        for _ in range(2):
            kept.charge(("address", f"{next(numbers)}:0000:0000:0000:0000:0000:0000/64"), 300)
    return kept


@fills(bounds.ATTEMPTS)
def attempts(room: int, patch: pytest.MonkeyPatch) -> Any:
    patch.setattr("weft.rates.windows.ATTEMPTS", bounds.ATTEMPTS.of(room))
    kept = OwnWindows(lambda: 0.5)
    for _ in range(6_000):
        key = "sign-in", "0" * 32, f"{next(numbers)}:0000:0000:0000:0000:0000:0000/64"
        for _ in range(2):
            kept.count(RateLimitItemPerMinute(10), *key, cost=300)
    return kept


@fills(bounds.ADDRESSES)
def addresses(_room: int, _patch: pytest.MonkeyPatch) -> Any:
    for place in range(10_000):
        zone = f"%{next(numbers)}".ljust(20, "x")
        counted_address({"client": (f"2001:db8:{place:x}::1:2:3:4{zone}", 1)}, {})


@fills(bounds.MEDIA_TYPES)
def media_types(_room: int, _patch: pytest.MonkeyPatch) -> Any:
    for _ in range(1_000):
        response_type(f"*/*,{next(numbers)}".encode().ljust(2_048, b"x"), html=False)


@fills(bounds.DECODED_IDS)
def decoded_ids(_room: int, _patch: pytest.MonkeyPatch) -> Any:
    for _ in range(20_000):
        name = ("\N{MATHEMATICAL BOLD SMALL A}" * 17) + "a"
        decode_id(encode_id(name, 10**18 + next(numbers)))


@fills(bounds.ENCODED_IDS)
def encoded_ids(_room: int, _patch: pytest.MonkeyPatch) -> Any:
    encode = global_id("ActiveSession").compute
    for _ in range(40_000):
        encode(10**18 + next(numbers))
    return encode


MARK = b"a mark"


@fills(bounds.CHANGES)
def changes(room: int, _patch: pytest.MonkeyPatch) -> Any:
    kept = LogPages(bounds.CHANGES.of(room))
    for first in range(1, 20 * PAGE, 100):
        changes = [change(position) for position in range(first, first + 100)]
        kept.remember(Batch(Point(first - 1, MARK), changes))
    return kept


def change(position: int) -> Change:
    before, after = ({"owner_id": next(numbers), "status": "PUBLISHED"} for _ in range(2))
    updated = ChangeKind.UPDATED
    return Change(position, MARK, "Item", position, updated, before, after, START, position)
