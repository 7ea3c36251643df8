"""That secrets in logs would be noticed, and that those which get there are masked."""

import ast
import logging
from pathlib import Path

import asyncpg
import pytest

from tests.leaks import FileWatch, LogWatch, leaks, server_log

OURS = ("WEFT", "RELAY_PROCESS", "RUN.")
STARTS = ("create_subprocess_exec", "Popen", "subprocess.run")


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


class TestServers:
    def test_leak_into_files_that_are_searched(self, file_watch: FileWatch) -> None:
        with server_log() as log:
            log.write(b"started\n")
            log.flush()
            assert file_watch.leaks() == []
            log.write(b"welcome, ada@example.com\n")
            log.flush()
            assert file_watch.leaks() == ["welcome, ada@example.com"]
            assert file_watch.leaks() == []
            log.truncate(0)  # the end of the run searches it once more

    def test_that_tests_start_write_nowhere_else(self) -> None:
        """What goes past the watch is not searched: each start says where its errors go."""
        for path in Path(__file__).parent.rglob("*.py"):
            for call in ast.walk(ast.parse(path.read_text())):
                if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(STARTS):
                    given = {keyword.arg for keyword in call.keywords}
                    ours = any(name in ast.unparse(call) for name in OURS)
                    assert not ours or given & {"stderr", "capture_output"}, (path, call.lineno)
