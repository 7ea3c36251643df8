"""A consecutive run of changes, as it is read from the log and as the relay publishes it."""

import msgspec

from weft.changes.change import Change, Point


class Batch(msgspec.Struct, frozen=True):
    """Consecutive changes of one history, the first directly after `start`, without a gap."""

    start: Point
    changes: list[Change]

    def __len__(self) -> int:
        return len(self.changes)

    @property
    def end(self) -> Point:
        """The last change, or `start` if the batch is empty."""
        return self.changes[-1] if self.changes else self.start

    def holds(self, point: Point) -> bool:
        """Whether the point is `start` or one of the changes, by position and mark."""
        place = point.position - self.start.position
        if not 0 <= place <= len(self.changes):
            return False
        return (self.changes[place - 1] if place else self.start).mark == point.mark

    def after(self, point: Point) -> list[Change] | None:
        """Returns the changes after a point; None if the batch does not hold the point."""
        if not self.holds(point):
            return None
        return self.changes[point.position - self.start.position :]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Batch)


def encode_batch(batch: Batch) -> bytes:
    """Returns the message that the relay publishes for a batch."""
    return _encoder.encode(batch)


def decode_batch(message: bytes | str) -> Batch:
    """Returns the batch of a message.

    Raises msgspec.DecodeError if it is none, such as one from a relay of another release.
    """
    return _decoder.decode(message)
