"""Secrets in logs are noticed by the tests, and masked by the server."""

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
    def test_secrets_are_noticed(self, text: str) -> None:
        assert leaks(text)

    def test_masked_secrets_are_not_reported(self) -> None:
        assert leaks("Bearer *** postgresql://weft:***@host/weft, Key (email)=(***)") == []

    def test_row_in_an_error_of_postgresql_is_masked(self, log_watch: LogWatch) -> None:
        error = asyncpg.UniqueViolationError("duplicate key")
        vars(error)["detail"] = (
            "Failing row contains (1, Ada, ada@example.com, $argon2id$v=19$m=65536)."
        )
        heard = log_watch.records
        logging.getLogger("theirs").error("failed", exc_info=error)
        assert log_watch.records == heard + 1
        assert log_watch.found == []


class TestServerLogs:
    def test_log_files_of_servers_are_searched(self, file_watch: FileWatch) -> None:
        with server_log() as log:
            log.write(b"started\n")
            log.flush()
            assert file_watch.leaks() == []
            log.write(b"welcome, ada@example.com\n")
            log.flush()
            assert file_watch.leaks() == ["welcome, ada@example.com"]
            assert file_watch.leaks() == []
            log.truncate(0)  # searched again at the end of the run

    def test_every_server_start_in_a_test_redirects_stderr(self) -> None:
        """Output elsewhere would not be searched, so each start must set `stderr` or capture it."""
        for path in Path(__file__).parent.rglob("*.py"):
            for call in ast.walk(ast.parse(path.read_text())):
                if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(STARTS):
                    given = {keyword.arg for keyword in call.keywords}
                    ours = any(name in ast.unparse(call) for name in OURS)
                    assert not ours or given & {"stderr", "capture_output"}, (path, call.lineno)
