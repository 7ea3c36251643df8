"""Logs: one format for all loggers, the request's id in each record, no secrets."""

import io
import json
import logging
from collections.abc import Callable, Generator
from typing import Any, Literal

import pytest
import structlog

from weft.telemetry.logs import REQUEST_ID, configure_logs

Lines = Callable[[], list[str]]
Configure = Callable[[str, Literal["console", "json"]], Lines]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Generator[Configure]:
    """Configures the logs of this process for one test; returns what they have written."""
    root = logging.getLogger()
    before = (root.handlers, root.level, structlog.get_config())
    stream = io.StringIO()

    def set_up(level: str, form: Literal["console", "json"]) -> Lines:
        monkeypatch.setattr("sys.stderr", stream)
        configure_logs(level, form)
        return lambda: stream.getvalue().splitlines()

    yield set_up
    structlog.contextvars.clear_contextvars()
    logging.captureWarnings(False)
    root.handlers, config = before[0], before[2]
    root.setLevel(before[1])
    structlog.configure(**config)


def records(lines: Lines) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines()]


class TestConfigureLogs:
    def test_each_line_is_one_json_object_for_all_loggers(self, configure: Configure) -> None:
        lines = configure("info", "json")
        structlog.get_logger("ours").info("begun", count=3)
        logging.getLogger("theirs").info("done %d", 4)
        ours, theirs = records(lines)
        assert ours | {"timestamp": ""} == {
            "event": "begun",
            "count": 3,
            "logger": "ours",
            "level": "info",
            "timestamp": "",
        }
        assert (theirs["event"], theirs["logger"]) == ("done 4", "theirs")
        assert ours["timestamp"].endswith("Z")

    def test_every_record_has_the_request_id(self, configure: Configure) -> None:
        lines = configure("info", "json")
        REQUEST_ID.set("r-1")
        structlog.contextvars.bind_contextvars(viewer="ada")
        structlog.get_logger().info("ours")
        logging.getLogger("theirs").info("theirs")
        REQUEST_ID.set(None)
        for record in records(lines):
            assert (record["request_id"], record["viewer"]) == ("r-1", "ada")

    def test_records_below_the_level_are_dropped(self, configure: Configure) -> None:
        lines = configure("warning", "json")
        structlog.get_logger().info("dropped")
        logging.getLogger("theirs").info("dropped")
        structlog.get_logger().warning("kept")
        assert [record["event"] for record in records(lines)] == ["kept"]

    def test_traceback_is_in_its_record(self, configure: Configure) -> None:
        lines = configure("info", "json")
        try:
            raise LookupError("nobody")
        except LookupError:
            structlog.get_logger().exception("failed")
        (record,) = records(lines)
        assert "LookupError: nobody" in record["exception"]

    def test_console_form_is_for_people_to_read(self, configure: Configure) -> None:
        lines = configure("info", "console")
        structlog.get_logger().info("begun", count=3)
        assert "begun" in lines()[0]
        assert "count=3" in lines()[0]


class TestSecrets:
    @pytest.mark.parametrize("form", ["console", "json"])
    def test_secrets_are_masked_by_name(
        self, configure: Configure, form: Literal["console", "json"]
    ) -> None:
        lines = configure("info", form)
        structlog.get_logger().info("signed_in", password="hunter2", Authorization="Bearer abc")
        assert "hunter2" not in lines()[0]
        assert "abc" not in lines()[0]

    @pytest.mark.parametrize("form", ["console", "json"])
    def test_secrets_are_masked_anywhere_in_the_text(
        self, configure: Configure, form: Literal["console", "json"]
    ) -> None:
        lines = configure("info", form)
        logging.getLogger("theirs").warning("no postgresql://weft:hunter2@host/weft there")
        structlog.get_logger().info("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl")
        text = "\n".join(lines())
        assert "hunter2" not in text
        assert "weft:***@host" in text
        assert "c2lnbmF0dXJl" not in text
