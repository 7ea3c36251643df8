import sys
from collections.abc import Callable

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.accounts.account import (
    account_key,
    check_password,
    checked_email,
    checked_name,
    normalised_email,
)
from weft.problem import Problems, UserErrorCode


def paths(check: Callable[[Problems, str], object], text: str) -> list[list[str]]:
    problems = Problems()
    check(problems, text)
    assert all(error.code is UserErrorCode.INVALID for error in problems.errors)
    for error in problems.errors:
        error.message.encode()
    return [error.path for error in problems.errors]


class TestName:
    @pytest.mark.parametrize("text", ["A", "x" * 100, "  Ada  ", "李", "Zoë O’Neil-Ng", "👩‍💻"])
    def test_name_of_1_to_100_characters_is_accepted(self, text: str):
        assert paths(checked_name, text) == []

    @pytest.mark.parametrize("text", ["", "   ", "\n\t", "x" * 101, " " * 2000 + "x"])
    def test_blank_or_too_long_name_is_refused(self, text: str):
        assert paths(checked_name, text) == [["name"]]

    @pytest.mark.parametrize("text", ["a\0b", "a\nb", "a\x7fb", "a\ud800"])
    def test_unprintable_name_is_refused(self, text: str):
        assert paths(checked_name, text) == [["name"]]

    def test_name_is_trimmed_and_composed(self):
        assert checked_name(Problems(), "  Zoe\u0308 ") == "Zoë"

    @given(st.text())
    def test_accepted_name_can_be_stored(self, text: str):
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
    def test_email_is_stored_in_one_form(self, text: str, stored: str):
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
    def test_email_that_no_mail_could_reach_is_refused(self, text: str):
        assert paths(checked_email, text) == [["email"]]

    @given(st.text() | st.emails())
    def test_normalised_email_stays_the_same_when_normalised_again(self, text: str):
        email = normalised_email(text)
        if email is not None:
            assert normalised_email(email) == email
            assert b"\0" not in email.encode()


class TestPassword:
    @pytest.mark.parametrize("length", [10, 200])
    def test_password_of_10_to_200_characters_is_accepted(self, length: int):
        assert paths(check_password, "\N{PILE OF POO}" * length) == []

    @pytest.mark.parametrize("length", [0, 9, 201])
    def test_password_of_another_length_is_refused(self, length: int):
        assert paths(check_password, "é" * length) == [["password"]]


LOWERED = """
SELECT array_agg(letter) FROM unnest($1::text[]) AS letter
GROUP BY lower(letter COLLATE {}) HAVING count(*) > 1
"""
COLLATIONS = """
SELECT quote_ident(collname) FROM pg_collation
WHERE collname IN ('default', 'C.UTF-8', 'pg_c_utf8', 'en_US.utf8', 'tr_TR.utf8', 'pg_unicode_fast')
  OR collname ~ '^(und|en|tr|az|lt|el)-x-icu$'
"""
DOMAINS = ["example.com", "EXAMPLE.com", "ｅｘａｍｐｌｅ.com", "example。com", "ⓔxamplE．ＣＯＭ"]


class TestAccountKey:
    async def test_letters_that_postgresql_takes_as_equal_give_one_key(
        self, connection: asyncpg.Connection
    ):
        letters = [chr(code) for code in range(1, sys.maxunicode + 1)]
        storable = [letter for letter in letters if not "\ud800" <= letter <= "\udfff"]
        addresses = [f"{letter}@example.com" for letter in storable]
        taken = [letter for letter in addresses if normalised_email(letter) is not None]
        collations = [name for (name,) in await connection.fetch(COLLATIONS)]
        assert len(taken) > 100_000
        assert collations
        for collation in collations:
            found = await connection.fetch(LOWERED.format(collation), taken)
            assert len(found) > 1_000
            for (same,) in found:
                assert len({account_key(address) for address in same}) == 1, same

    @given(st.data())
    def test_all_spellings_of_an_address_give_one_key(self, data: st.DataObject):
        local = data.draw(st.text("aIiİıßſKkéσς.", min_size=1, max_size=8))
        domain = data.draw(st.sampled_from(DOMAINS))
        around = data.draw(st.text(" \t\n", max_size=3))
        cased = "".join(
            data.draw(st.sampled_from([letter.lower(), letter, letter.upper()])) for letter in local
        )
        address, other = f"{local}@example.com", f"{around}{cased}@{domain}{around}"
        if normalised_email(address) is None:
            assert account_key(address) is None
        elif len(cased) == len(local):
            assert account_key(other) == account_key(address)

    def test_different_accounts_have_different_keys(self):
        addresses = ["ada@example.com", "ada@example.org", "eda@example.com", "ada+1@example.com"]
        assert len({account_key(address) for address in addresses}) == 4
