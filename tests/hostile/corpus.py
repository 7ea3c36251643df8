"""Hostile requests by name, each with a function that builds its body."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import NamedTuple

JSON = "application/json"
MEGABYTE = 1024 * 1024


class Hostile(NamedTuple):
    """A POST. `codes` are the error codes it may get; None if the request is valid."""

    body: Callable[[], bytes]
    codes: tuple[str, ...] | None
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def query(text: str | Callable[[], str], **parameters: object) -> Callable[[], bytes]:
    return lambda: json.dumps(
        {"query": text if isinstance(text, str) else text(), **parameters}
    ).encode()


def doubling(count: int) -> str:
    links = " ".join(
        f"fragment F{n} on ItemConnection {{ a: edges {{ ...G{n} }} b: edges {{ ...G{n} }} }} "
        f"fragment G{n} on ItemEdge {{ node {{ owner {{ items {{ ...F{n + 1} }} }} }} }}"
        for n in range(count)
    )
    last = f"fragment F{count} on ItemConnection {{ totalCount }}"
    return f"{{ items {{ ...F0 }} }} {links} {last}"


def spreading(count: int) -> str:
    """Returns fragments that each spread the next one ten times in one place."""
    links = " ".join(
        f"fragment F{n} on Query {{ {' '.join([f'...F{n + 1}'] * 10)} }}" for n in range(count)
    )
    return f"{{ ...F0 }} {links} fragment F{count} on Query {{ __typename }}"


def deep(count: int) -> str:
    below = "{ owner { items { nodes " * count + "{ id }" + " } } }" * count
    return f"{{ items {{ nodes {below} }} }}"


def overlapping(count: int) -> str:
    fields = " ".join(f"items(first: {n}) {{ totalCount }}" for n in range(count))
    return f"{{ {fields} }}"


def circular(count: int) -> str:
    links = " ".join(f"fragment F{n} on Query {{ ...F{(n + 1) % count} }}" for n in range(count))
    return f"{{ ...F0 }} {links}"


def introspecting(depth: int) -> str:
    return "{ __schema { types { " + "fields { type { " * depth + "name" + " } }" * depth + " } } }"


DOCUMENT = ("DOCUMENT_LIMIT_EXCEEDED",)
BAD = ("BAD_REQUEST",)
INVALID = ("GRAPHQL_VALIDATION_FAILED",)
PARSING = ("GRAPHQL_PARSE_FAILED",)
INPUT = ("BAD_USER_INPUT",)
COST = ("COST_LIMIT_EXCEEDED",)
GOOD = "{ __typename }"
ITEM = "query($id: ID!) { item(id: $id) { id } }"
FILTERED = "query($filter: ItemFilter) { items(filter: $filter) { totalCount } }"
AFTER = "query($after: String) { items(after: $after) { totalCount edges { cursor } } }"


def item_id(id_: str) -> Hostile:
    return Hostile(query(ITEM, variables={"id": id_}), ("BAD_ID",))


def cursor(text: str) -> Hostile:
    return Hostile(query(AFTER, variables={"after": text}), ("BAD_CURSOR",))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


CORPUS: dict[str, Hostile] = {
    "depth": Hostile(query(lambda: deep(60)), DOCUMENT),
    "depth beyond the parser": Hostile(query("{a" * 2_900), DOCUMENT),
    "depth of a list": Hostile(query("{ nodes(ids: " + "[" * 2_900), DOCUMENT),
    "depth of a type": Hostile(query("query($a: " + "[" * 2_900), DOCUMENT),
    "10,000 aliases": Hostile(
        query(lambda: "{" + " ".join(f"a{n}: __typename" for n in range(10_000)) + "}"), DOCUMENT
    ),
    "200 aliases": Hostile(
        query(lambda: "{" + " ".join(f"a{n}: __typename" for n in range(200)) + "}"), DOCUMENT
    ),
    "fragments that double": Hostile(query(lambda: doubling(30)), DOCUMENT),
    "fragments spread tenfold": Hostile(query(lambda: spreading(12)), DOCUMENT),
    "fragments in a circle": Hostile(query(lambda: circular(100)), INVALID),
    "fragment in itself": Hostile(
        query("{ ...F } fragment F on Query { ...F }"), INVALID
    ),
    "fields that overlap": Hostile(query(lambda: overlapping(300)), (*DOCUMENT, *INVALID)),
    "one field again and again": Hostile(query("{" + " __typename" * 2_900 + "}"), DOCUMENT),
    "directives": Hostile(query("{ __typename" + " @skip(if: false)" * 300 + "}"), DOCUMENT),
    "unknown directives": Hostile(query("{ __typename" + " @a" * 90 + "}"), INVALID),
    "one name of 100,000 characters": Hostile(query("{ " + "a" * 100_000 + " }"), DOCUMENT),
    "names like ours": Hostile(
        query("{" + " ".join(f"item{n}" for n in range(900)) + "}"), INVALID
    ),
    "a document of a megabyte": Hostile(query("{ __typename }" + "#" * 1_000_000), DOCUMENT),
    "introspection in a circle": Hostile(query(introspecting(6)), INVALID),
    "lists in lists": Hostile(
        query("query($n: Int) { items(first: $n) { nodes { owner { items(first: $n) { nodes { "
              "owner { items(first: $n) { totalCount } } } } } } } }", variables={"n": 100}), COST,
    ),
    "cost by a variable's default": Hostile(
        query("query($n: Int = 100) { items(first: $n) { nodes { owner { items(first: $n) { nodes "
              "{ owner { items(first: $n) { nodes { id } } } } } } } } }"), COST,
    ),
    "cost by aliases": Hostile(
        query(lambda: "{" + " ".join(
            f"a{n}: items(first: 100) {{ nodes {{ owner {{ id }} }} }}" for n in range(99)) + "}"),
        COST,
    ),
    "100 MB": Hostile(lambda: b" " * (100 * MEGABYTE), BAD),
    "no JSON": Hostile(lambda: b"{" * 100_000, BAD),
    "JSON in JSON": Hostile(lambda: b'{"variables":' + b'{"a":' * 100_000, BAD),
    "lists in JSON": Hostile(lambda: b'{"query":"{a}","variables":{"a":' + b"[" * 500_000, BAD),
    "invalid UTF-8": Hostile(lambda: b'{"query":"{ \xff\xfe }"}', BAD),
    "overlong UTF-8": Hostile(lambda: b'{"query":"{ \xc0\xaf }"}', BAD),
    "lone surrogate": Hostile(lambda: rb'{"query":"{ \ud800 }"}', BAD),
    "NUL": Hostile(lambda: rb'{"query":"{ a\u0000 }"}', BAD),
    "NUL in a variable": Hostile(
        lambda: rb'{"query":"{ __typename }","variables":{"a":"\u0000"}}', BAD
    ),
    "a gigantic number": Hostile(
        lambda: b'{"query":"{ __typename }","variables":{"a":' + b"9" * 900_000 + b"}}", BAD
    ),
    "a gigantic exponent": Hostile(
        lambda: b'{"query":"{ __typename }","variables":{"a":1e999999999}}', BAD
    ),
    "a gigantic number in the document": Hostile(
        query("{ items(first: " + "9" * 100_000 + ") { totalCount } }"), INVALID
    ),
    "a number out of range": Hostile(
        query("query($n: Int) { items(first: $n) { totalCount } }", variables={"n": 2**31}), INPUT
    ),
    "NaN": Hostile(lambda: b'{"query":"{ __typename }","variables":{"a":NaN}}', BAD),
    "Infinity": Hostile(lambda: b'{"query":"{ __typename }","variables":{"a":-Infinity}}', BAD),
    "duplicate keys": Hostile(
        lambda: b'{"query":"{ __typename }","query":"{ viewer { id } }"}', BAD
    ),
    "100,000 keys": Hostile(
        lambda: b'{"query":"{ __typename }","variables":{'
        + b",".join(b'"v%d":1' % n for n in range(80_000)) + b"}}", None,
    ),
    "100,000 variables": Hostile(
        query(lambda: "query(" + " ".join(f"$v{n}: Int" for n in range(100_000)) + ") {a}"), (
            *DOCUMENT, *BAD),
    ),
    "900 variables": Hostile(
        query(lambda: "query(" + " ".join(f"$v{n}: Int" for n in range(700)) + ") {__typename}"),
        INVALID,
    ),
    "a list of 100,000 wrong values": Hostile(
        query("query($i: [ID!]!) { nodes(ids: $i) { id } }", variables={"i": [None] * 100_000}),
        INPUT,
    ),
    "a list of 100,000 IDs": Hostile(
        query("query($i: [ID!]!) { nodes(ids: $i) { id } }", variables={"i": ["x"] * 100_000}),
        INPUT,
    ),
    "a list of 110,000 states": Hostile(
        query(FILTERED, variables={"filter": {"status": ["DRAFT"] * 110_000}}), INPUT
    ),
    "9,000 fields that an input does not have": Hostile(
        query(FILTERED, variables={"filter": {f"updatedAfte{n}": n for n in range(9_000)}}), INPUT
    ),
    "fragments on types that are unknown": Hostile(
        query(lambda: "{ __typename } " + " ".join(
            f"fragment F{n} on UserConnectionEdge{n} {{ id }}" for n in range(150))), INVALID,
    ),
    "fragments to the power of three": Hostile(
        query(lambda: "{ viewer { ...F0 } } " + " ".join(
            f"fragment F{level} on User {{ " + " ".join(
                f"a{n}: items(first: 1) {{ nodes {{ owner {{ ...F{level + 1} }} }} }}"
                for n in range(8)) + " }" for level in range(3)
        ) + " fragment F3 on User { id }"), None,
    ),
    "an alias of 120,000 characters": Hostile(
        query("{ items(first: 100) { nodes { " + "a" * 120_000 + ": title } } }"), DOCUMENT
    ),
    "errors at the end of 100,000 lines": Hostile(
        query(lambda: "\n" * 100_000 + "{" + " ".join(f"x{n}" for n in range(900)) + "}"), INVALID
    ),
    "errors of fields at the end of 100,000 lines": Hostile(
        query("\n" * 100_000 + "{ nodes(ids: [" + "1 " * 100 + "]) { id } }"), ("BAD_ID",)
    ),
    "a batch": Hostile(
        lambda: b"[" + b'{"query":"{ __typename }"},' * 9 + b'{"query":"{a}"}]', BAD
    ),
    "a batch of nothing": Hostile(lambda: b"[]", BAD),
    "a gzip bomb": Hostile(
        lambda: gzip.compress(b" " * 50 * MEGABYTE), BAD, headers=(("content-encoding", "gzip"),)
    ),
    "a double gzip bomb": Hostile(
        lambda: gzip.compress(gzip.compress(b" " * 50 * MEGABYTE)), BAD,
        headers=(("content-encoding", "gzip, gzip"),),
    ),
    "brotli": Hostile(lambda: b"\x00", BAD, headers=(("content-encoding", "br"),)),
    # CVE-2024-47082: pages of other origins could send forms with file uploads.
    "a form with files": Hostile(
        lambda: b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n'
        b'{"query":"mutation { signOut { signedOut } }"}\r\n--x--\r\n', BAD,
        "multipart/form-data; boundary=x",
    ),
    "a form": Hostile(
        lambda: b"query=mutation+%7B+signOut+%7B+signedOut+%7D+%7D", BAD,
        "application/x-www-form-urlencoded",
    ),
    "plain text": Hostile(query("mutation { signOut { signedOut } }"), BAD, "text/plain"),
    # CVE-2025-22151: an ID of one type was accepted as one of another type.
    "an ID of another type": item_id(encoded("User:1")),
    "an ID of no type": item_id(encoded("Nobody:1")),
    "an ID without a type": item_id(encoded("1")),
    "no ID": item_id("%00%ff"),
    "an ID of a megabyte": item_id("A" * 900_000),
    "an ID out of range": item_id(encoded(f"Item:{2**63}")),
    "a negative ID": item_id(encoded("Item:-1")),
    "an ID in other digits": item_id(encoded("Item:１")),
    "an ID with SQL": item_id(encoded("Item:1; DROP TABLE items")),
    "no cursor": cursor("nonsense"),
    "an empty cursor": cursor(""),
    "a cursor of another order": cursor(encoded('["users",1,1]')),
    "a cursor of JSON": cursor(encoded('{"a":' * 400)),
    "a cursor out of range": cursor(encoded('["CREATED_AT","9999-99-99",99999999999999999999]')),
    "a cursor of a megabyte": cursor("A" * 900_000),
    "a search of 900,000 characters": Hostile(
        query("query($s: String) { items(filter: {search: $s}) { totalCount } }",
              variables={"s": "a " * 450_000}), INPUT,
    ),
    "an unknown hash": Hostile(
        lambda: json.dumps(
            {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 900_000}}}
        ).encode(),
        ("PERSISTED_QUERY_NOT_FOUND", "BAD_REQUEST"),
    ),
    "a wrong hash": Hostile(
        query(GOOD, extensions={"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}),
        ("PERSISTED_QUERY_HASH_MISMATCH",),
    ),
    "a name of 900,000 characters for the operation": Hostile(
        query("query A { __typename }", operationName="A" * 900_000), BAD
    ),
    "a key of 900,000 characters": Hostile(
        query(FILTERED, variables={"filter": {"k" * 900_000: 1}}), INPUT
    ),
    "a value of 900,000 characters for an enum": Hostile(
        query("query ($order: ItemOrder) { items(orderBy: $order) { totalCount } }",
              variables={"order": {"field": "' , " * 225_000}}), INPUT,
    ),
    "what looks like an error of ours for a time": Hostile(
        query(FILTERED, variables={
            "filter": {"updatedAfter": ", but encountered error '" * 36_000}}), INPUT,
    ),
    "an integer of 4,000 digits": Hostile(
        query(FILTERED, variables={"filter": int("9" * 4_000)}), INPUT
    ),
    "null for a condition": Hostile(
        query("query ($if: Boolean = true) { __typename @skip(if: $if) }", variables={"if": None}),
        INPUT,
    ),
    "null for the condition of a mutation": Hostile(
        query("mutation ($if: Boolean = true) { ... @include(if: $if) { signOut { signedOut } } }",
              variables={"if": None}), INPUT,
    ),
    "weights that are none": Hostile(
        query(GOOD), None,
        headers=(("accept", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"),),
    ),
    "an Accept of 60,000 characters": Hostile(
        query(GOOD), None, headers=(("accept", "application/xml, " * 3_500 + "a/b"),)
    ),
    "an empty Authorization": Hostile(query(GOOD), None, headers=(("authorization", ""),)),
    "an Authorization without a token": Hostile(
        query(GOOD), None, headers=(("authorization", "Bearer"),)
    ),
    "an origin that is none": Hostile(query(GOOD), None, headers=(("origin", "http://["),)),
    "a token of a megabyte": Hostile(
        query(GOOD), ("UNAUTHENTICATED",), headers=(("authorization", "Bearer " + "a" * 60_000),)
    ),
    "a token without a signature": Hostile(
        query(GOOD), ("UNAUTHENTICATED",),
        headers=(("authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."),),
    ),
}  # fmt: skip
