"""What clients see of errors."""

import pytest
import structlog
from graphql import GraphQLError, GraphQLSyntaxError, Source
from graphql.error import located_error
from structlog.testing import capture_logs

from weft.errors import BadCursor, Forbidden, Unauthenticated
from weft.execution import Refused, format_error


class TestFormatError:
    @pytest.mark.parametrize(
        "error", [Forbidden("No."), BadCursor("Bad."), Unauthenticated("Who?")]
    )
    def test_known_errors_are_shown_as_they_are(self, error: Exception) -> None:
        shown = format_error(located_error(error, None, ["a", 0]))
        assert shown == {
            "message": str(error),
            "path": ["a", 0],
            "extensions": {"code": error.code},  # type: ignore[attr-defined]
        }

    def test_extensions_of_known_errors_are_shown(self) -> None:
        shown = format_error(located_error(Forbidden("No.", needs="ADMIN"), None, ["a"]))
        assert shown.get("extensions", {}) == {"code": "FORBIDDEN", "needs": "ADMIN"}

    def test_syntax_error_has_its_location(self) -> None:
        error = GraphQLSyntaxError(Source("{"), 1, "Expected Name.")
        assert format_error(error) == {
            "message": "Syntax Error: Expected Name.",
            "locations": [{"line": 1, "column": 2}],
            "extensions": {"code": "GRAPHQL_PARSE_FAILED"},
        }

    @pytest.mark.parametrize(
        "error",
        [
            located_error(RuntimeError("password=hunter2"), None, ["a"]),
            located_error(GraphQLError("password=hunter2"), None, ["a"]),
            GraphQLError("password=hunter2"),
            GraphQLError("password=hunter2", path=["a"], extensions={"code": "BAD_USER_INPUT"}),
            GraphQLError("x", original_error=RuntimeError("password=hunter2")),
        ],
    )
    def test_unknown_errors_are_masked_and_logged(self, error: GraphQLError) -> None:
        structlog.reset_defaults()
        with capture_logs() as logs:
            shown = format_error(error)
        assert shown.get("message") == "Internal server error"
        assert "hunter2" not in repr(shown)
        assert shown.get("extensions", {})["code"] == "INTERNAL_SERVER_ERROR"
        (entry,) = logs
        assert entry["error_id"] == shown.get("extensions", {})["id"]
        assert "hunter2" in str(entry["exc_info"])

    def test_each_masked_error_has_its_own_id(self) -> None:
        error = GraphQLError("x")
        ids = {format_error(error).get("extensions", {})["id"] for _ in range(3)}
        assert len(ids) == 3


class TestRefused:
    def test_refused_keeps_the_code_that_an_error_brings(self) -> None:
        refused = Refused([GraphQLError("a", extensions={"code": "OWN"}), GraphQLError("b")], "NEW")
        assert [error.extensions for error in refused.errors or ()] == [
            {"code": "OWN"},
            {"code": "NEW"},
        ]
