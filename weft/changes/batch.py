"""A stretch of the change log, as it is read and as the relay publishes it."""

import msgspec

from weft.changes.change import Change, Point


class Batch(msgspec.Struct, frozen=True):
    """Changes of one history that follow `start` and one another without a gap."""

    start: Point
    changes: list[Change]

    def __len__(self) -> int:
        return len(self.changes)

    @property
    def end(self) -> Point:
        """The last change; the start if there is none."""
        return self.changes[-1] if self.changes else self.start

    def holds(self, point: Point) -> bool:
        """Whether the point is the start or one of the changes."""
        place = point.position - self.start.position
        if not 0 <= place <= len(self.changes):
            return False
        return (self.changes[place - 1] if place else self.start).mark == point.mark

    def after(self, point: Point) -> list[Change] | None:
        """The changes after a point; None if the batch does not hold it."""
        if not self.holds(point):
            return None
        return self.changes[point.position - self.start.position :]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Batch)


def encode_batch(batch: Batch) -> bytes:
    """The message that the relay publishes for a batch."""
    return _encoder.encode(batch)


def decode_batch(message: bytes | str) -> Batch:
    """The batch of a message; msgspec.DecodeError if a relay of another release wrote it."""
    return _decoder.decode(message)
