"""Requests with a marked text, one for each place that an error message could repeat."""

import base64
import json
import random
import string
from collections.abc import Callable
from typing import Any

from weft.echo import MAX_ECHO


class Marked:
    """A long random text, in the forms in which it can be sent.

    `between` separates its words: a space, and perhaps quotes.
    """

    def __init__(self, seed: int, length: int, between: str) -> None:
        draw = random.Random(seed)
        self.name = "m" + "".join(draw.choices(string.ascii_letters + string.digits, k=length))
        self.digits = "7" + "".join(draw.choices(string.digits, k=length))
        parts = [self.name[at : at + 9] for at in range(0, length, 9)]
        self.plain, self.words = " ".join(parts), between.join(parts)
        self.id = base64.b64encode(f"{self.plain[:80]}:1".encode()).decode()
        self.all = (self.name, self.digits, self.plain, self.words)

    def repeated(self, message: str) -> str | None:
        """Returns a part of the text that the message repeats, longer than MAX_ECHO; or None."""
        size = MAX_ECHO + 1
        parts = (message[at : at + size] for at in range(len(message) - size + 1))
        return next((part for part in parts if any(part in text for text in self.all)), None)


Place = Callable[[Marked], dict[str, Any]]


def text(query: str) -> Place:
    """Returns a function that puts the mark in place of NAME, WORDS, PLAIN and DIGITS."""

    def request(mark: Marked) -> dict[str, Any]:
        put = query.replace("NAME", mark.name).replace("WORDS", json.dumps(mark.words)[1:-1])
        return {"query": put.replace("PLAIN", mark.plain).replace("DIGITS", mark.digits)}

    return request


ITEMS = """query ($first: Int, $order: ItemOrder, $filter: ItemFilter, $after: String) {
  items(first: $first, orderBy: $order, filter: $filter, after: $after) { totalCount } }"""
NODE = "query ($id: ID!) { node(id: $id) { id } item(id: $id) { id } }"
CREATE = """mutation ($input: CreateItemInput!) {
  createItem(input: $input) { errors { message } } }"""


def variable(name: str, value: Callable[[Marked], Any], query: str = ITEMS) -> Place:
    return lambda mark: {"query": query, "variables": {name: value(mark)}}


PLACES: dict[str, Place] = {
    "a field": text("{ NAME }"),
    "a field below": text("{ items { NAME } }"),
    "an alias in conflict": text("{ NAME: __typename NAME: items { totalCount } }"),
    "an alias of what has no fields": text("{ NAME: __typename { a } }"),
    "an alias of what fails": text('{ NAME: node(id: "no ID") { id } }'),
    "an argument": text("{ items(NAME: 1) { totalCount } }"),
    "a directive": text("{ __typename @NAME }"),
    "a directive's argument": text("{ __typename @skip(NAME: true) }"),
    "a fragment that is not there": text("{ ...NAME }"),
    "a fragment that is not used": text("{ __typename } fragment NAME on Query { __typename }"),
    "a fragment in itself": text("{ ...NAME } fragment NAME on Query { ...NAME }"),
    "a fragment that cannot be": text("{ ...NAME } fragment NAME on User { id }"),
    "a type condition": text("{ ... on NAME { id } }"),
    "a variable that is not used": text("query ($NAME: Int) { __typename }"),
    "a variable that is not defined": text("{ items(first: $NAME) { totalCount } }"),
    "a variable of another type": text(
        "query ($NAME: String) { items(first: $NAME) { totalCount } }"
    ),
    "a variable without a value": text(
        "query ($NAME: Int!) { items(first: $NAME) { totalCount } }"
    ),
    "a variable's type": text("query ($a: NAME) { items(first: $a) { totalCount } }"),
    "a variable's default": text('query ($a: Int = "WORDS") { items(first: $a) { totalCount } }'),
    "an operation's name, twice": text("query NAME { __typename } query NAME { __typename }"),
    "a subscription's name": text("subscription NAME { __typename itemChanged { kind } }"),
    "a keyword": text("NAME { __typename }"),
    "a name where none may be": text("{ __typename } NAME"),
    "words where none may be": text("{ __typename } WORDS"),
    "a string where none may be": text('{ "WORDS" }'),
    "a string without an end": text('{ node(id: "WORDS'),
    "an escape": text('{ node(id: "\\uNAME") { id } }'),
    "an escape in braces": text('{ node(id: "\\u{NAME}") { id } }'),
    "a string for a number": text('{ items(first: "WORDS") { totalCount } }'),
    "a block string for a number": text('{ items(first: """WORDS""") { totalCount } }'),
    "a name for a number": text("{ items(first: NAME) { totalCount } }"),
    "a list for a number": text('{ items(first: [NAME, "WORDS"]) { totalCount } }'),
    "an object for a number": text('{ items(first: {NAME: "WORDS"}) { totalCount } }'),
    "a number out of range": text("{ items(first: DIGITS) { totalCount } }"),
    "a negative number": text("{ items(first: -DIGITS) { totalCount } }"),
    "a fraction": text("{ items(first: 1.DIGITS) { totalCount } }"),
    "a power": text("{ items(first: 1eDIGITS) { totalCount } }"),
    "a number that goes on as a name": text("{ items(first: 1NAME) { totalCount } }"),
    "an enum's value": text("{ items(orderBy: {field: NAME, direction: ASC}) { totalCount } }"),
    "an enum's value as a string": text('{ items(orderBy: {field: "WORDS"}) { totalCount } }'),
    "an input field": text('{ items(filter: {NAME: "WORDS"}) { totalCount } }'),
    "a time": text('{ items(filter: {updatedAfter: "PLAIN"}) { totalCount } }'),
    "an ID": text('{ node(id: "WORDS") { id } }'),
    "an ID in digits": text("{ node(id: DIGITS) { id } }"),
    "a cursor": text('{ items(after: "WORDS") { totalCount } }'),
    "a cursor of live updates": text('subscription { itemChanged(after: "WORDS") { kind } }'),
    "a description": text('"WORDS" query { __typename }'),
    "no keyword in a query": text("query NAME ("),
    "a string for an Int": variable("first", lambda mark: mark.words),
    "an integer out of range": variable("first", lambda mark: int(mark.digits[:4_000])),
    "a list for an Int": variable("first", lambda mark: [mark.words, [mark.words]]),
    "an object for an Int": variable("first", lambda mark: {mark.words: mark.words}),
    "a value of an enum": variable("order", lambda mark: {"field": mark.words}),
    "a key": variable("filter", lambda mark: {mark.words: 1}),
    "a key below": variable("filter", lambda mark: {"tags": [{mark.words: mark.words}]}),
    "a time in a variable": variable("filter", lambda mark: {"updatedAfter": mark.words}),
    "digits for a time": variable(
        "filter", lambda mark: {"updatedAfter": int(mark.digits[:4_000])}
    ),
    "digits for a string": variable("after", lambda mark: int(mark.digits[:4_000])),
    "a cursor in a variable": variable("after", lambda mark: mark.words),
    "a cursor in base64": variable("after", lambda mark: mark.id),
    "an ID in a variable": variable("id", lambda mark: mark.words, NODE),
    "an ID of another type": variable("id", lambda mark: mark.id, NODE),
    "an object for an ID": variable("id", lambda mark: {mark.words: mark.words}, NODE),
    "an input of words": variable("input", lambda mark: mark.words, CREATE),
    "an unknown key of an input": variable("input", lambda mark: {mark.words: 1}, CREATE),
    "a title": variable("input", lambda mark: {"title": mark.words}, CREATE),
    "a status": variable("input", lambda mark: {"title": "a", "status": mark.words}, CREATE),
    "variables": lambda mark: {"query": ITEMS, "variables": mark.words},
    "an unknown variable": lambda mark: {"query": "{ a }", "variables": {mark.words: mark.words}},
    "NUL below a key": lambda mark: {"query": ITEMS, "variables": {mark.words: "\0"}},
    "operationName": lambda mark: {"query": "query A { __typename }", "operationName": mark.words},
    "operationName in a list": lambda mark: {"query": ITEMS, "operationName": [mark.words]},
    "documentId": lambda mark: {"documentId": mark.words},
    "documentId in an object": lambda mark: {"documentId": {mark.words: mark.words}},
    "a hash": lambda mark: {
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": mark.words}}
    },
    "a wrong hash": lambda mark: {
        "query": "{ a }",
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": mark.name}},
    },
    "a hash of another version": lambda mark: {
        "extensions": {"persistedQuery": {"version": mark.words, mark.words: mark.words}}
    },
    "an extension": lambda mark: {"query": "{ a }", "extensions": {mark.words: mark.words}},
    "extensions": lambda mark: {"query": "{ a }", "extensions": mark.words},
    "an unknown key of the request": lambda mark: {mark.words: mark.words},
    "a query in a list": lambda mark: {"query": [mark.words]},
}  # fmt: skip
