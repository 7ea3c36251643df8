"""Names and answers: how long a response may be for its cost."""

import json

import pytest
from hypothesis import given as drawn
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.weft.execution.boxes import box_schema
from tests.weft.execution.test_compiling import (
    UNLIMITED,
    compiled,
    thing_schema,
)
from weft.execution import format_error
from weft.execution.cost import CHARACTERS_OF_OBJECT
from weft.execution.engine import ExecutorName
from weft.execution.errors import Refused
from weft.execution.limits import Limits


class TestNames:
    LIMITS = Limits(name_characters=40)
    LONG = "a" * 41

    @pytest.mark.parametrize(
        ("text", "column"),
        [
            ("{ LONG }", 3),
            ("{ LONG: some { name } }", 3),
            ("{ some { name ... on One { LONG: name } } }", 28),
            ("query LONG { some { name } }", 7),
            ("query($LONG: Int) { some { name } }", 8),
            ("query($a: LONG) { some { name } }", 11),
            ("{ some(first: $LONG) { name } }", 16),
            ("{ some(LONG: 1) { name } }", 8),
            ("{ some(first: LONG) { name } }", 15),
            ("{ some(first: {LONG: 1}) { name } }", 16),
            ("{ some(first: [{a: [LONG]}]) { name } }", 21),
            ("{ some { ...LONG } } fragment LONG on Thing { name }", 13),
            ("{ some @LONG { name } }", 9),
            ("{ some @skip(LONG: true) { name } }", 14),
            ("{ some { ... on LONG { name } } }", 17),
        ],
    )
    def test_longer_names_are_refused(self, text: str, column: int) -> None:
        engine = thing_schema(self.LIMITS).engine
        refused = engine.operation(text.replace("LONG", self.LONG))
        assert isinstance(refused, Refused)
        (error,) = map(format_error, refused.errors or ())
        assert error.get("extensions") == {
            "code": "DOCUMENT_LIMIT_EXCEEDED",
            "limit": "name_characters",
            "maximum": 40,
        }
        assert error.get("locations") == [{"line": 1, "column": column}]
        other = engine.operation(text.replace("LONG", self.LONG[1:]))
        if isinstance(other, Refused):
            assert "DOCUMENT_LIMIT_EXCEEDED" not in repr(
                list(map(format_error, other.errors or ()))
            )

    @pytest.mark.parametrize(
        "text",
        [
            "{ some(first: 1) { name } } # LONG",
            '{ echo(text: "LONG") }',
            '{ echo(text: """LONG""") }',
        ],
    )
    def test_strings_and_comments_are_no_names(self, text: str) -> None:
        operation = thing_schema(self.LIMITS).engine.operation(text.replace("LONG", self.LONG))
        errors = (operation.errors or ()) if isinstance(operation, Refused) else ()
        assert "DOCUMENT_LIMIT_EXCEEDED" not in repr(list(map(format_error, errors)))


NAMES = st.text("abcdefgh", min_size=1, max_size=200)


class TestAnswer:
    @pytest.mark.parametrize("executor", ["compiled", "reference"])
    @drawn(
        st.lists(st.tuples(NAMES, st.sampled_from(["name", "secret", "__typename"])), max_size=40),
        st.lists(NAMES, max_size=3),
        st.integers(0, 4),
    )
    @hypothesis_settings(max_examples=80, deadline=None)
    async def test_answer_is_no_longer_than_its_cost_allows(
        self, executor: ExecutorName, leaves: list[tuple[str, str]], path: list[str], first: int
    ) -> None:
        """Values are short; the length is of names, paths of errors, and repeated fields."""
        schema = thing_schema(UNLIMITED, executor)
        below = " ".join(f"{alias}{number}: {name}" for number, (alias, name) in enumerate(leaves))
        text = "{ name " + below + " }"
        for alias in path:
            text = f"{{ {alias}: children(first: {first}) {text} }}"
        text = f"{{ {'b' * 100}: some(first: {first}) {text} }}"
        operation = schema.engine.operation(text)
        assert not isinstance(operation, Refused)
        values = operation.coerce({})
        assert not isinstance(values, Refused)
        cost = operation.cost.of(values)
        result = await schema.run(text)
        errors = list(map(format_error, result.errors or ()))
        answer = json.dumps({"data": result.data, "errors": errors}, separators=(",", ":"))
        assert len(answer) <= 3 * CHARACTERS_OF_OBJECT * (cost + 1)

    def test_long_names_cost_more(self) -> None:
        def cost(text: str) -> int:
            operation = compiled(box_schema(UNLIMITED).engine, text)
            values = operation.coerce({})
            assert not isinstance(values, Refused)
            return operation.cost.of(values)

        long = "a" * 250
        assert cost("{ box { name } }") == 2
        assert cost(f"{{ box {{ {long}: name {long}b: lid }} }}") == 2 + 7 + 1
        assert cost(f"{{ {long}: box {{ {long}: boxes {{ {long}: nodes {{ name }} }} }} }}") > (
            2 + 2 + 20 + 20
        )
        # An error of a resolved field repeats all names in its path.
        lid = f"{{ {long}: box {{ {long}: boxes(first: 1) {{ nodes {{ lid }} }} }} }}"
        assert cost(lid.replace("lid", f"{long}: lid")) == cost(lid) + 1
        assert cost("{ box { name a: name b: name c: __typename } }") == 2 + 2
