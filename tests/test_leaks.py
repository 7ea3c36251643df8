"""That secrets in logs would be noticed, and that those which get there are masked."""

import logging

import asyncpg
import pytest

from tests.leaks import LogWatch, leaks


class TestLeaks:
    @pytest.mark.parametrize(
        "text",
        [
            "Authorization: Bearer abcdefgh",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            "$argon2id$v=19$m=65536",
            "Key (email)=(ada@example.com) already exists.",
            "postgresql://weft:secret@host/weft",
        ],
    )
    def test_are_noticed(self, text: str) -> None:
        assert leaks(text)

    def test_are_not_seen_where_they_are_masked(self) -> None:
        assert leaks("Bearer *** postgresql://weft:***@host/weft, Key (email)=(***)") == []

    def test_of_a_row_that_postgresql_names_are_masked(self, log_watch: LogWatch) -> None:
        error = asyncpg.UniqueViolationError("duplicate key")
        vars(error)["detail"] = (
            "Failing row contains (1, Ada, ada@example.com, $argon2id$v=19$m=65536)."
        )
        heard = log_watch.records
        logging.getLogger("theirs").error("failed", exc_info=error)
        assert log_watch.records == heard + 1
        assert log_watch.found == []
