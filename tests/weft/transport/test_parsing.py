"""Whatever clients send is parsed or refused with a declared error; nothing else is raised."""

import json
from contextlib import nullcontext, suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weft.errors import BadRequest
from weft.transport import messages, request, strict_json
from weft.transport.messages import CloseCode, SocketClosed
from weft.transport.negotiation import (
    GRAPHQL_RESPONSE,
    HTML,
    JSON,
    check_content_type,
    response_type,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.sampled_from(['":', '" :', '{"a":1}', "\\u0000"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
LAYOUTS = st.sampled_from(
    [{"separators": (",", ":")}, {"separators": (" , ", " : ")}, {"indent": 1}]
)
NEARLY_JSON = st.binary(max_size=64) | VALUES.map(lambda value: json.dumps(value).encode())


class TestStrictJson:
    @given(VALUES, LAYOUTS, st.booleans())
    def test_all_json_is_read(self, value: Any, layout: dict[str, Any], ascii_only: bool) -> None:
        text = json.dumps(value, ensure_ascii=ascii_only, **layout)
        assert strict_json.decode(text.encode()) == value

    @given(VALUES, VALUES, VALUES, TEXT, st.sampled_from([":", " :", "\n\t :"]), st.booleans())
    def test_name_given_twice_is_refused(
        self, first: Any, second: Any, around: Any, name: str, colon: str, escaped: bool
    ) -> None:
        spelt = "".join(f"\\u{ord(c):04x}" for c in name if ord(c) < 0x10000)
        again = f'"{spelt}"' if escaped and max(map(ord, name), default=0) < 0x10000 else None
        once = json.dumps(name)
        twice = (
            f"[{json.dumps(around)},"
            f"{{{once}{colon}{json.dumps(first)},{again or once}:{json.dumps(second)}}}]"
        )
        with pytest.raises(BadRequest, match="twice"):
            strict_json.decode(twice.encode())

    @given(NEARLY_JSON)
    def test_any_bytes_are_read_or_raise_bad_request(self, raw: bytes) -> None:
        with suppress(BadRequest):
            strict_json.decode(raw)

    @pytest.mark.parametrize(
        ("one", "each"),
        [("[]", 1), ("{}", 1), ("[[]]", 2), ('{"a":{}}', 2), (r'[{"\"[": [], "{": 1}]', 3)],
    )
    def test_objects_and_lists_are_limited(self, one: str, each: int) -> None:
        for count, good in [(9_999 // each, True), (10_000 // each + 1, False)]:
            raw = f"[{','.join([one] * count)}]".encode()
            with nullcontext() if good else pytest.raises(BadRequest, match="than 10000 objects"):
                strict_json.decode(raw)

    @pytest.mark.parametrize(
        "inside", ["[" * 20_000, "{" * 20_000, '\\"[' * 20_000, "\\\\[{" * 9_000]
    )
    def test_brackets_in_strings_are_not_limited(self, inside: str) -> None:
        raw = f'{{"a":"{inside}","b":["{inside}"]}}'.encode()
        assert strict_json.decode(raw) == json.loads(raw)


class TestRequests:
    @given(NEARLY_JSON)
    @example(b"[" * 100_000)
    @example(b'{"query":' * 100_000)
    def test_any_body_is_read_or_refused(self, body: bytes) -> None:
        with suppress(BadRequest):
            request.from_body(body)

    @given(st.binary(max_size=64) | st.from_regex(rb"query=[^&]*&variables=[^&]*"))
    def test_any_query_string_is_read_or_refused(self, query_string: bytes) -> None:
        with suppress(BadRequest):
            request.from_query_string(query_string)


class TestMessages:
    @given(NEARLY_JSON)
    @example(b'{"type":"subscribe","id":"1","payload":' * 10_000)
    def test_any_message_is_read_or_closes_the_socket(self, raw: bytes) -> None:
        with suppress(SocketClosed):
            messages.decode(raw)

    def test_close_reason_is_shortened(self) -> None:
        end = SocketClosed(CloseCode.BAD_REQUEST, "é" * 100)
        assert end.reason == "é" * 61


class TestHeaders:
    @given(st.binary(max_size=64) | st.from_regex(rb"[a-z/*]+(;q=[^,]*)?(,[a-z/*]+(;q=[^,]*)?)*"))
    @example(b"text/html;q=nan, */*;q=1e9")
    @example(b"*/*;q=-1, application/json;q=inf")
    @example(b"*;q=.2")
    @example(b",;,=;q,*/*;q=.;q")
    def test_any_accept_or_content_type_is_understood_or_refused(self, value: bytes) -> None:
        with suppress(BadRequest):
            assert response_type(value, html=False) != HTML
        with suppress(BadRequest):
            check_content_type(value)

    def test_empty_accept_means_json(self) -> None:
        assert response_type(b"", html=True) == JSON

    @pytest.mark.parametrize("weight", ["nan", "-1", "2", "1e0", "", ".", "half"])
    def test_malformed_weight_counts_as_one(self, weight: str) -> None:
        """It is treated like a missing weight, which is 1, so it does not lower the type."""
        accept = f"{GRAPHQL_RESPONSE};q={weight}, {JSON};q=0.999".encode()
        assert response_type(accept, html=False) == GRAPHQL_RESPONSE
        assert response_type(f"{JSON};q={weight}".encode(), html=False) == JSON

    @pytest.mark.parametrize("less", [".2", "0.2", "0.", "0", ".0001", "0.20000000001"])
    def test_weight_may_have_any_number_of_digits(self, less: str) -> None:
        accept = f"{GRAPHQL_RESPONSE};q={less}, {JSON};q=.3".encode()
        assert response_type(accept, html=False) == JSON

    def test_only_a_weight_of_zero_refuses(self) -> None:
        for nothing in ("0", "0.", "0.000", ".0"):
            with pytest.raises(BadRequest):
                response_type(f"*/*;q={nothing}".encode(), html=False)
