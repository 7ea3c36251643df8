"""How much of a client's input errors repeat."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.echo import MAX_ECHO, MAX_MESSAGE, brief, echoed, with_echoes

LONG = "w" * 10_000
WORDS = "some words " * 1_000
CUT = "w" * (MAX_ECHO - 1) + "…"
DIGITS = (
    "Exceeds the limit (4300 digits) for integer string conversion: value has 10000 digits; use sys"
)


class TestEchoed:
    def test_short_text_is_repeated_whole(self) -> None:
        assert echoed("w" * MAX_ECHO) == "w" * MAX_ECHO

    def test_long_text_is_cut(self) -> None:
        assert echoed(LONG) == CUT
        assert len(CUT) == MAX_ECHO


class TestWithEchoes:
    def test_echoes_are_equal_to_the_originals(self) -> None:
        value = {LONG: [LONG, {"a": LONG}, 1, None, True, "short"], "b": {}}
        assert with_echoes(value) == value
        assert with_echoes(value)[LONG] == value[LONG]

    def test_echoes_are_short_in_messages(self) -> None:
        text = "it's \"long\" ' " * 100
        echo = with_echoes(text)
        assert f"{echo}" == echoed(text)
        assert repr(echo) == repr(echoed(text))
        assert str(echo) == text


class TestBrief:
    @pytest.mark.parametrize(
        "message",
        [
            "",
            "Cannot query field 'nothing' on type 'Query'. Did you mean 'node' or 'nodes'?",
            "Fields 'a' conflict because '__typename' and 'items' are different fields. Use "
            "different aliases on the fields to fetch both if this was intentional.",
            "Variable '$a' of type '[ItemFilter!]!' used in position expecting type '[ItemId!]!'.",
            "Field 'items' of type 'ItemConnection!' must have a selection of subfields. "
            "Did you mean 'items { ... }'?",
            "Argument 'first' has invalid value: Int cannot represent non-integer value: [1, 2]",
            "The viewer's token and the server's clock, which isn't right, are not of one zone.",
            f"Unknown type '{'T' * MAX_ECHO}' on field '{'f' * MAX_ECHO}'.",
        ],
    )
    def test_message_with_nothing_long_is_unchanged(self, message: str) -> None:
        assert brief(message) == message

    @pytest.mark.parametrize(
        ("message", "shortened"),
        [
            (
                f"Cannot query field '{LONG}' on type 'T'.",
                f"Cannot query field '{CUT}' on type 'T'.",
            ),
            (f"There are no nodes of type {LONG}.", f"There are no nodes of type {CUT}"),
            (f"Expected `str` - at `$.{LONG}`.", f"Expected `str` - at `$.{CUT[2:]}`."),
            (
                f"Syntax Error: Expected Name, found String 'it's {LONG}' or ' not'.",
                f"Syntax Error: Expected Name, found String 'it's {'w' * (MAX_ECHO - 6)}…'.",
            ),
            (
                f"Expected a value, but encountered error '{DIGITS}'; found: {LONG}.",
                f"Expected a value, found: {CUT}",
            ),
            (
                "Expected value of non-null type 'ItemOrderField!' at .field not to be None.",
                "Expected value of non-null type 'ItemOrderField!' at .field not to be null.",
            ),
        ],
    )
    def test_long_names_and_values_are_shortened(self, message: str, shortened: str) -> None:
        assert brief(message) == shortened

    @pytest.mark.parametrize(
        "value",
        [
            repr(WORDS),
            f'"{WORDS}"',
            f'"""\n{WORDS}\n"""',
            f'"{WORDS}\\"{WORDS}"',
            f"`{WORDS}`",
            f"[{WORDS}]",
            f"{{a: [{WORDS}]}}",
            f"[\n  {WORDS}\n]",
            repr(f"it's {WORDS}"),
            repr([WORDS, {WORDS: WORDS}]),
        ],
    )
    def test_value_with_spaces_is_cut(self, value: str) -> None:
        shortened = brief(f"Int cannot represent non-integer value: {value}.")
        assert shortened.startswith("Int cannot represent non-integer value: ")
        assert shortened.count("words") <= MAX_ECHO // len("some words ") + 1

    @given(
        st.lists(st.text(string.ascii_letters + " '\"`\\[{é", max_size=300), max_size=8),
        st.sampled_from(["'", '"', "`", ""]),
    )
    def test_brief_message_is_never_long(self, parts: list[str], quote: str) -> None:
        shortened = brief(quote.join(parts))
        assert len(shortened) <= MAX_MESSAGE
        assert re.search(r"\w{65}", shortened) is None


def test_python_values_are_written_as_in_json() -> None:
    assert brief("ID cannot represent value: True") == "ID cannot represent value: true"
    assert brief("Expected `str`, got `NoneType`") == "Expected `str`, got `null`"
    assert brief("Expected a value not to be None.") == "Expected a value not to be null."
    spoken = 'Value cannot represent a DateTime: "2020-13-01". month must be in 1..12'
    assert brief(spoken) == 'Value cannot represent a DateTime: "2020-13-01".'
