"""A budget that records its charges, and all forms of bodies and messages that clients send."""

import json
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

from weft.rates.budget import BYTES_PER_COST, CostBudget

FROM = {"x-forwarded-for": "203.0.113.7"}
ADDRESS = ("address", FROM["x-forwarded-for"])
VIEWER = ("viewer", "ada")
SIGNED_IN = {"authorization": "Bearer good"}
LIMIT = 100_000
EMPTY = "{ __typename }"
"""Costs nothing once its plan is cached."""


class Recorded(CostBudget):
    """A budget that also records its charges; `since` returns and resets them."""

    charged: Counter[Hashable]

    def charge(self, client: Hashable, cost: int) -> None:
        super().charge(client, cost)
        self.charged[client] += cost

    def since(self) -> Counter[Hashable]:
        charged, self.charged = self.charged, Counter()
        return charged


def cost_of(sent: bytes | str) -> int:
    return 1 + len(sent) // BYTES_PER_COST


def body(query: str = EMPTY, **more: Any) -> bytes:
    return json.dumps({"query": query, **more}).encode()


LONG = "x" * 50_000


BODIES: dict[str, bytes] = {
    "small": body(),
    "variables that are not defined": body(variables={"a": LONG, "b": [1] * 9_000}),
    "objects in objects": body(variables={"a": [{"b": {}}] * 9_000}),
    "extensions": body(extensions={"a": LONG}),
    "other members": body(other=LONG),
    "white space": body() + b" " * 50_000,
    "no request": json.dumps([LONG]).encode(),
    "no JSON": LONG.encode(),
    "a name twice": b'{"query":"","query":"' + LONG.encode() + b'"}',
    "no UTF-8": b"\xff" * 50_000,
}


def message(type_: str, **more: Any) -> str:
    return json.dumps({"type": type_, **more})


def operation(id_: str, query: str = EMPTY, **more: Any) -> str:
    return message("subscribe", id=id_, payload={"query": query, **more})


MESSAGES: dict[str, Callable[[], str]] = {
    "an operation": lambda: operation("1"),
    "an operation with variables": lambda: operation("1", variables={"a": LONG}),
    "an operation that is no request": lambda: message("subscribe", id="1", payload=[LONG]),
    "an operation of a faulty payload": lambda: (
        '{"type":"subscribe","id":"1","payload":{"a":"' + LONG + '","a":1}}'
    ),
    "a ping": lambda: message("ping", payload={"a": LONG}),
    "a pong": lambda: message("pong", payload={"a": LONG}),
    "an end": lambda: message("complete", id="1"),
    "another init": lambda: message("connection_init", payload={"a": LONG}),
    "no message": lambda: LONG,
}
