"""Cursors: positions that nobody else can read, count or make."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.changes.cursor import CURSOR_LENGTH, Cursors
from weft.errors import BadCursor

SECRET = "a secret of the cursors, long enough"
CURSORS = Cursors(SECRET)

positions = st.integers(0, 2**63 - 1)


class TestCursors:
    @given(position=positions)
    def test_stand_for_their_position_in_every_process_of_the_secret(self, position: int) -> None:
        cursor = CURSORS.encode(position)
        assert Cursors(SECRET).decode(cursor) == position
        assert Cursors(SECRET).encode(position) == cursor
        assert len(cursor) == CURSOR_LENGTH

    def test_of_neighbours_have_nothing_in_common(self) -> None:
        cursors = [CURSORS.encode(position) for position in range(100)]
        # No character of them is the same throughout, nor are they in order.
        assert all(len(set(column)) > 10 for column in zip(*cursors, strict=True))
        assert sorted(cursors) != cursors

    @given(text=st.text(max_size=40) | st.text("aZ09-_=+/", min_size=32, max_size=32))
    def test_are_made_by_nobody_else(self, text: str) -> None:
        with pytest.raises(BadCursor):
            CURSORS.decode(text)

    @given(position=positions, place=st.integers(0, CURSOR_LENGTH - 1))
    def test_cannot_be_changed(self, position: int, place: int) -> None:
        cursor = CURSORS.encode(position)
        other = "A" if cursor[place] != "A" else "B"
        with pytest.raises(BadCursor):
            CURSORS.decode(cursor[:place] + other + cursor[place + 1 :])

    def test_are_read_in_one_form_only(self) -> None:
        cursor = next(c for c in map(CURSORS.encode, range(100)) if "_" in c)
        for other in (cursor.replace("_", "/"), cursor.replace("_", "%_")[:CURSOR_LENGTH]):
            with pytest.raises(BadCursor):
                CURSORS.decode(other)

    def test_of_another_secret_are_refused_unless_it_is_a_previous_one(self) -> None:
        cursor = Cursors("another secret").encode(7)
        with pytest.raises(BadCursor):
            CURSORS.decode(cursor)
        assert Cursors(SECRET, ["another secret"]).decode(cursor) == 7
