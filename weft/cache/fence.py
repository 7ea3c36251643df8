"""The protocol: what fences and entries are, and when a value counts. Pure; knows no Redis.

A *fence* guards a tag, such as `Author:7.books`. It says up to which transaction id the tag was
written, as far as anybody has told. An *entry* is a value with the `xmin` of the snapshot that it
was read in: every transaction below it had ended by then, and is contained if it committed.

*The promise.* A read that starts after a COMMIT was acknowledged never takes an entry that lacks
what was committed. Let transaction w write a tag. Before its COMMIT it raised the tag's fence to w,
or found no fence there. A reader takes an entry only if the fence is there, is whole, and lies
below the entry's xmin. If the fence was there when w raised it, it still says w or more, hence
xmin > w: w had ended when the snapshot was taken, and is in it. If the fence was made after that,
it was *open* first, which nobody takes an entry by, and became *whole* by a transaction id that was
drawn after it was made: that is higher than w, which was drawn before. So it lies above w again.

So a fence that is missing, whatever took it away (eviction, expiry, a flush, a fail-over, a restart
of the store), costs misses and never an answer. Writers leave missing fences missing: what is never
read costs them nothing.

Fences need not be read each time. Every step that raises some also changes their *version*, a
number that never comes again; an entry that was found to count is remembered with the version that
was read in the same step as its fences. Let a reader find that version, after it began, and w be
acknowledged before it began: then w had raised its fences before, and nobody has raised any between
the two readings; so the fences that the entry was judged by were read after w had raised them. This
holds however many fences were lost in between: what makes an entry stale is a write, and no write
is acknowledged without a new version, unless none is there, and then none can be found.

One fence more stands for everything, the *lease*. Whoever raises fences on behalf of writers that
do not know of the cache renews it, each time for a moment only: see `weft.cache.lease`.
"""

from typing import TypeGuard

DIGITS = 20
"""Transaction ids are 64 bits wide; as texts of one length they compare as numbers do."""

OPEN = b"?"


def number(transaction_id: int) -> bytes:
    """A transaction id as it is stored and compared."""
    return b"%020d" % transaction_id


def is_whole(fence: bytes | None) -> TypeGuard[bytes]:
    """Whether the fence knows of every write there was; a missing or a foreign one does not."""
    return fence is not None and len(fence) == DIGITS and fence.isdigit()


def opened(token: bytes) -> bytes:
    """A new fence: it knows of no write before it. `token` is nobody else's."""
    return number(0) + OPEN + token


def raised(fence: bytes | None, transaction_id: bytes) -> bytes | None:
    """The fence after a write by this transaction; one that is missing stays missing."""
    if fence is None:
        return None
    return max(fence[:DIGITS], transaction_id) + fence[DIGITS:]


def made_whole(fence: bytes | None, seen: bytes, transaction_id: bytes) -> bytes | None:
    """The fence after somebody saw it open, and drew this transaction id after that.

    Unchanged if it is another one by now: `seen` carries the token.
    """
    if fence is None or fence[DIGITS:] != seen[DIGITS:]:
        return fence
    return max(fence[:DIGITS], transaction_id)


def counts(xmin: bytes, fences: tuple[bytes | None, ...]) -> bool:
    """Whether an entry may be taken; `fences` are the lease and those of all its tags."""
    return all(is_whole(fence) and fence < xmin for fence in fences)
