"""Cursors: points that only a holder of the secret can read, count or make."""

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
    """Returns bytes encrypted with the secret, as `Cursors` encrypts a point."""
    [cipher] = CURSORS._ciphers  # pyright: ignore[reportPrivateUsage]
    return urlsafe_b64encode(cipher.encrypt(named, None)).decode()


class TestCursors:
    @given(point=points)
    def test_cursor_stands_for_its_point_in_every_process_with_the_secret(
        self, point: Point
    ) -> None:
        cursor = CURSORS.encode(point)
        assert Cursors(SECRET).decode(cursor) == point
        assert Cursors(SECRET).encode(point) == cursor
        assert len(cursor) == CURSOR_LENGTH

    @given(one=points, other=points)
    def test_cursors_are_equal_only_if_their_points_are(self, one: Point, other: Point) -> None:
        assert (CURSORS.encode(one) == CURSORS.encode(other)) == one.is_at(other)

    @given(position=st.integers(0, 2**63 - 1))
    def test_cursor_of_an_earlier_release_has_expired(self, position: int) -> None:
        with pytest.raises(CursorExpired):
            CURSORS.decode(sealed(position.to_bytes(8)))

    def test_cursors_of_neighbouring_points_have_nothing_in_common(self) -> None:
        cursors = [CURSORS.encode(Point(position, b"a mark")) for position in range(100)]
        # No character is the same in all of them, and they are not in order.
        assert all(len(set(column)) > 10 for column in zip(*cursors, strict=True))
        assert sorted(cursors) != cursors

    @given(
        text=st.text(max_size=50)
        | st.text("aZ09-_=+/", min_size=32, max_size=32)
        | st.text("aZ09-_=+/", min_size=CURSOR_LENGTH, max_size=CURSOR_LENGTH)
    )
    def test_any_other_text_is_refused(self, text: str) -> None:
        with pytest.raises(BadCursor):
            CURSORS.decode(text)

    @given(point=points, place=st.integers(0, CURSOR_LENGTH - 1))
    def test_cursor_with_a_changed_character_is_refused(self, point: Point, place: int) -> None:
        cursor = CURSORS.encode(point)
        other = "A" if cursor[place] != "A" else "B"
        with pytest.raises(BadCursor):
            CURSORS.decode(cursor[:place] + other + cursor[place + 1 :])

    def test_cursor_is_read_in_one_base64_form_only(self) -> None:
        points = (Point(position, b"a mark") for position in range(100))
        cursor = next(c for c in map(CURSORS.encode, points) if "_" in c)
        for other in (cursor.replace("_", "/"), cursor.replace("_", "%_")[:CURSOR_LENGTH]):
            with pytest.raises(BadCursor):
                CURSORS.decode(other)

    def test_cursor_of_another_secret_is_refused_unless_it_is_a_previous_one(self) -> None:
        cursor = Cursors("another secret").encode(Point(7, b"a mark"))
        with pytest.raises(BadCursor):
            CURSORS.decode(cursor)
        assert Cursors(SECRET, ["another secret"]).decode(cursor).position == 7
