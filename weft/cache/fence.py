"""The protocol: what fences and entries are, and when an entry is valid. Pure, without Redis.

A *fence* guards a tag, such as `Author:7.books`. It is the highest transaction id known to have
written the tag. An *entry* is a value with the `xmin` of the snapshot that it was read in: every
transaction below it had ended by then, and is contained if it committed.

*The promise.* A read that starts after a COMMIT was acknowledged never uses an entry that lacks
what was committed. Proof: let transaction w write a tag. Before its COMMIT, w raised the tag's
fence to w, or found no fence. A reader uses an entry only if the fence exists, is whole, and lies
below the entry's xmin.

- If the fence existed when w raised it, it is still w or higher, hence xmin > w: w had ended when
  the snapshot was taken, and is contained in it.
- If the fence was made after that, it was *open* at first, and no entry is used by an open fence.
  It became *whole* by a transaction id drawn after it was made, which is higher than w, drawn
  before. So the fence is above w, and xmin is too.

So a missing fence, whatever removed it (eviction, expiry, a flush, a fail-over, a restart of the
store), costs misses and never gives a stale value. Writers do not make missing fences: a tag that
is never read costs them nothing.

Fences need not be read each time. Every step that raises fences also changes their *version*, a
number that is never used twice. An entry that was found valid is kept with the version that was
read in the same step as its fences. Let a reader find that version after it began, and let w be
acknowledged before the reader began. Then w had raised its fences before, and no fence was raised
between the two readings; so the fences that the entry was judged by were read after w had raised
them. This holds however many fences were lost in between: only a write makes an entry stale, and no
write is acknowledged without a new version, unless there is no version, and then no reader finds
one.

One more fence stands for all tags, the *lease*. The relay, which raises fences for writers that do
not know of the cache, renews it for a short time at each pass: see `weft.cache.lease`.
"""

from typing import TypeGuard

DIGITS = 20
"""Transaction ids have 64 bits; as texts of equal length they compare as numbers do."""

OPEN = b"?"


def number(transaction_id: int) -> bytes:
    """Returns a transaction id as it is stored and compared."""
    return b"%020d" % transaction_id


def is_whole(fence: bytes | None) -> TypeGuard[bytes]:
    """Whether the fence covers every write of its tag; not if it is missing, open or malformed."""
    return fence is not None and len(fence) == DIGITS and fence.isdigit()


def opened(token: bytes) -> bytes:
    """Returns a new fence, which covers no earlier write. `token` is unique."""
    return number(0) + OPEN + token


def raised(fence: bytes | None, transaction_id: bytes) -> bytes | None:
    """Returns the fence after a write by this transaction; a missing fence stays missing."""
    if fence is None:
        return None
    return max(fence[:DIGITS], transaction_id) + fence[DIGITS:]


def made_whole(fence: bytes | None, seen: bytes, transaction_id: bytes) -> bytes | None:
    """Returns the fence made whole by a transaction id drawn after it was seen open.

    Unchanged if another fence has replaced it: `seen` carries the token.
    """
    if fence is None or fence[DIGITS:] != seen[DIGITS:]:
        return fence
    return max(fence[:DIGITS], transaction_id)


def counts(xmin: bytes, fences: tuple[bytes | None, ...]) -> bool:
    """Whether an entry is valid; `fences` are the lease and those of all its tags."""
    return all(is_whole(fence) and fence < xmin for fence in fences)
