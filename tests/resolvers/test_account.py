from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.account import check_password, checked_email, checked_name, normalised_email
from resolvers.problem import Problems, UserErrorCode


def paths(check: Callable[[Problems, str], object], text: str) -> list[list[str]]:
    problems = Problems()
    check(problems, text)
    assert all(error.code is UserErrorCode.INVALID for error in problems.errors)
    for error in problems.errors:
        error.message.encode()
    return [error.path for error in problems.errors]


class TestName:
    @pytest.mark.parametrize("text", ["A", "x" * 100, "  Ada  ", "李", "Zoë O’Neil-Ng", "👩‍💻"])
    def test_is_1_to_100_characters(self, text: str):
        assert paths(checked_name, text) == []

    @pytest.mark.parametrize("text", ["", "   ", "\n\t", "x" * 101, " " * 2000 + "x"])
    def test_is_no_less_and_no_more(self, text: str):
        assert paths(checked_name, text) == [["name"]]

    @pytest.mark.parametrize("text", ["a\0b", "a\nb", "a\x7fb", "a\ud800"])
    def test_is_printable(self, text: str):
        assert paths(checked_name, text) == [["name"]]

    def test_is_trimmed_and_composed(self):
        assert checked_name(Problems(), "  Zoe\u0308 ") == "Zoë"

    @given(st.text())
    def test_is_storable_once_it_is_checked(self, text: str):
        problems = Problems()
        name = checked_name(problems, text)
        if not problems.errors:
            assert 1 <= len(name) <= 100
            assert b"\0" not in name.encode()


class TestEmail:
    @pytest.mark.parametrize(
        ("text", "stored"),
        [
            ("ada@example.com", "ada@example.com"),
            (" ada@example.com\n", "ada@example.com"),
            ("Ada@EXAMPLE.Com", "Ada@example.com"),
            ("ada+weft@weft.test", "ada+weft@weft.test"),
            ("zoe\u0308@bu\u0308cher.de", "zoë@bücher.de"),
            ("ada@xn--bcher-kva.de", "ada@bücher.de"),
        ],
    )
    def test_is_stored_in_one_form(self, text: str, stored: str):
        assert checked_email(Problems(), text) == stored

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "ada@example",
            "a b@example.com",
            "ada@exam ple.com",
            "ada@@example.com",
            "Ada <ada@example.com>",
            '"ada"@example.com',
            "ada@[127.0.0.1]",
            "ada@example..com",
            ".ada@example.com",
            "ada\0@example.com",
            "\ud800@example.com",
            "ada@\ud800.com",
            "x" * 243 + "@example.com",
            "x" * 100_000 + "@example.com",
            "ada@" + "é" * 100_000 + ".com",
        ],
    )
    def test_is_refused_if_no_mail_could_reach_it(self, text: str):
        assert paths(checked_email, text) == [["email"]]

    @given(st.text() | st.emails())
    def test_is_normalised_once_and_for_all(self, text: str):
        email = normalised_email(text)
        if email is not None:
            assert normalised_email(email) == email
            assert b"\0" not in email.encode()


class TestPassword:
    @pytest.mark.parametrize("length", [10, 200])
    def test_is_10_to_200_characters(self, length: int):
        assert paths(check_password, "\N{PILE OF POO}" * length) == []

    @pytest.mark.parametrize("length", [0, 9, 201])
    def test_is_no_less_and_no_more(self, length: int):
        assert paths(check_password, "é" * length) == [["password"]]
