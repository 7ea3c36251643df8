"""Cursors: points that nobody else can read, count or make."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.changes.change import MARK_BYTES, Point
from weft.changes.cursor import CURSOR_LENGTH, Cursors
from weft.changes.errors import CursorExpired
from weft.errors import BadCursor

SECRET = "a secret of the cursors, long enough"
CURSORS = Cursors(SECRET)

points = st.builds(
    Point, st.integers(0, 2**63 - 1), st.binary(min_size=MARK_BYTES, max_size=MARK_BYTES)
)


def sealed(named: bytes) -> str:
    """What the secret's holder makes of bytes: as `Cursors`, of a point."""
    [cipher] = CURSORS._ciphers  # pyright: ignore[reportPrivateUsage]
    return urlsafe_b64encode(cipher.encrypt(named, None)).decode()


class TestCursors:
    @given(point=points)
    def test_stand_for_their_point_in_every_process_of_the_secret(self, point: Point) -> None:
        cursor = CURSORS.encode(point)
        assert Cursors(SECRET).decode(cursor) == point
        assert Cursors(SECRET).encode(point) == cursor
        assert len(cursor) == CURSOR_LENGTH

    @given(one=points, other=points)
    def test_of_other_points_are_others(self, one: Point, other: Point) -> None:
        assert (CURSORS.encode(one) == CURSORS.encode(other)) == one.is_at(other)

    @given(position=st.integers(0, 2**63 - 1))
    def test_of_earlier_releases_have_expired(self, position: int) -> None:
        with pytest.raises(CursorExpired):
            CURSORS.decode(sealed(position.to_bytes(8)))

    def test_of_neighbours_have_nothing_in_common(self) -> None:
        cursors = [CURSORS.encode(Point(position, b"a mark")) for position in range(100)]
        # No character of them is the same throughout, nor are they in order.
        assert all(len(set(column)) > 10 for column in zip(*cursors, strict=True))
        assert sorted(cursors) != cursors

    @given(
        text=st.text(max_size=50)
        | st.text("aZ09-_=+/", min_size=32, max_size=32)
        | st.text("aZ09-_=+/", min_size=CURSOR_LENGTH, max_size=CURSOR_LENGTH)
    )
    def test_are_made_by_nobody_else(self, text: str) -> None:
        with pytest.raises(BadCursor):
            CURSORS.decode(text)

    @given(point=points, place=st.integers(0, CURSOR_LENGTH - 1))
    def test_cannot_be_changed(self, point: Point, place: int) -> None:
        cursor = CURSORS.encode(point)
        other = "A" if cursor[place] != "A" else "B"
        with pytest.raises(BadCursor):
            CURSORS.decode(cursor[:place] + other + cursor[place + 1 :])

    def test_are_read_in_one_form_only(self) -> None:
        points = (Point(position, b"a mark") for position in range(100))
        cursor = next(c for c in map(CURSORS.encode, points) if "_" in c)
        for other in (cursor.replace("_", "/"), cursor.replace("_", "%_")[:CURSOR_LENGTH]):
            with pytest.raises(BadCursor):
                CURSORS.decode(other)

    def test_of_another_secret_are_refused_unless_it_is_a_previous_one(self) -> None:
        cursor = Cursors("another secret").encode(Point(7, b"a mark"))
        with pytest.raises(BadCursor):
            CURSORS.decode(cursor)
        assert Cursors(SECRET, ["another secret"]).decode(cursor).position == 7
