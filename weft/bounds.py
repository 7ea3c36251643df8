"""How many bytes each cache of a process may take, of all that clients can make grow.

What is in use, such as a request in flight or a socket's queue, has limits of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bound:
    """What one cache of a process holds, and the bytes that it may take.

    `setting` is the variable that sets `max_bytes`; without one it is fixed. `per` names what has
    one cache each, if that is not the process.
    """

    name: str
    holds: str
    max_bytes: int
    setting: str | None = None
    per: str | None = None

    def of(self, max_bytes: int) -> Self:
        """Returns the same bound with other bytes."""
        return replace(self, max_bytes=max_bytes)

    def entries(self, entry_bytes: int) -> int:
        """Returns how many entries of at most `entry_bytes` each fit."""
        return self.max_bytes // entry_bytes


OPERATIONS = Bound("Operations", "Compiled operations, by text.", 64 * MIB)
INTROSPECTED = Bound("Introspection", "Answers about the schema, by operation.", 8 * MIB)
BODIES = Bound("Bodies", "Bodies of queries, parsed.", 8 * MIB)
HEADS = Bound("Heads", "Heads of HTTP requests, parsed.", 4 * MIB)
DOCUMENTS = Bound("Documents", "Texts of documents that clients name, by hash or id.", 16 * MIB)
ROWS = Bound(
    "Rows",
    "Rows and pages that were read, which PostgreSQL confirms each time.",
    64 * MIB,
    setting="ROW_MEMORY_BYTES",
)
CACHED_VALUES = Bound(
    "Cached values", "Values of cached fields.", 64 * MIB, setting="CACHE_MEMORY_BYTES"
)
WHOLE_ANSWERS = Bound("Whole answers", "Answers that are made of cached values alone.", 16 * MIB)
FILLS = Bound("Fills", "New values that wait to be stored in Redis.", 16 * MIB)
CHANGES = Bound("Changes", "Parts of the change log, for subscriptions that resume.", 16 * MIB)
TOKENS = Bound("Tokens", "Access tokens whose signature was checked.", 4 * MIB)
CLIENTS = Bound("Clients", "What viewers and addresses have spent in this minute.", 16 * MIB)
ATTEMPTS = Bound(
    "Attempts", "Attempts to sign in, sign up or reset, while Redis is out of reach.", 16 * MIB
)
ADDRESSES = Bound("Addresses", "Addresses of clients, parsed.", 2 * MIB)
MEDIA_TYPES = Bound("Media types", "What `Accept` headers ask for.", 1 * MIB)
DECODED_IDS = Bound("Decoded IDs", "Keys, by global ID.", 8 * MIB)
ENCODED_IDS = Bound("Encoded IDs", "Global IDs, by key.", 8 * MIB, per="type with an ID")

BOUNDS = (
    *(OPERATIONS, INTROSPECTED, BODIES, HEADS, DOCUMENTS, ROWS, CACHED_VALUES, WHOLE_ANSWERS),
    *(FILLS, CHANGES, TOKENS, CLIENTS, ATTEMPTS, ADDRESSES, MEDIA_TYPES, DECODED_IDS),
    ENCODED_IDS,
)


def bounds_table() -> str:
    """Returns all bounds as a Markdown table, with their sum."""
    return "\n".join(_rows()) + "\n"


def _rows() -> Iterator[str]:
    yield "| | Holds | MiB | Set by |"
    yield "| --- | --- | --- | --- |"
    for bound in BOUNDS:
        each = f", for each {bound.per}" if bound.per else ""
        setting = f"`{bound.setting}`" if bound.setting else ""
        yield f"| {bound.name} | {bound.holds} | {bound.max_bytes // MIB}{each} | {setting} |"
    total = sum(bound.max_bytes for bound in BOUNDS if bound.per is None)
    more = [f" and {bound.max_bytes // MIB} for each {bound.per}" for bound in BOUNDS if bound.per]
    yield f"| **Together** | | **{total // MIB}**{','.join(more)} | |"
