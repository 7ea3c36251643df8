import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.auth import tokens
from weft.auth.tokens import AccessTokens, bearer_token, check_secret, credentials
from weft.errors import Unauthenticated

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
SECRET = "a secret for tests, of 32 bytes or more"
OTHER = "another secret for tests, as long or longer"
SECOND = timedelta(seconds=1)
EMPTY = ("", " ", "\t", "Bearer", "Bearer ", "bearer\t ", " BEARER ")

ACCESS_TOKENS = AccessTokens(key_id="one", secret=SECRET)
PAYLOAD: dict[str, Any] = {
    "sub": "7",
    "sid": 11,
    "aud": tokens.AUDIENCE,
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 900,
}
HEADER: dict[str, Any] = {"kid": "one", "typ": tokens.TYPE}


def signed(
    payload: object = PAYLOAD, *, secret: str = SECRET, algorithm: str = "HS256", **header: Any
) -> str:
    return jwt.encode(
        payload,  # pyright: ignore[reportArgumentType]
        secret,
        algorithm=algorithm,
        headers={**HEADER, **header},
    )


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def refusal(token: str, now: datetime = NOW) -> str:
    with pytest.raises(Unauthenticated) as raised:
        ACCESS_TOKENS.read(token, now)
    return raised.value.message


class TestIssue:
    def test_is_read_back(self):
        token, expires_at = ACCESS_TOKENS.issue("7", 11, NOW)
        claims = ACCESS_TOKENS.read(token, NOW)
        assert (claims.subject, claims.session_id) == ("7", 11)
        assert claims.issued_at == NOW.replace(microsecond=0)
        assert claims.expires_at == expires_at == claims.issued_at + timedelta(minutes=15)

    def test_names_its_key_and_type(self):
        header = jwt.get_unverified_header(ACCESS_TOKENS.issue("7", 11, NOW)[0])
        assert header == {"alg": "HS256", "kid": "one", "typ": "at+jwt"}


class TestRead:
    def test_takes_what_is_signed_as_it_should_be(self):
        assert ACCESS_TOKENS.read(signed(), NOW).subject == "7"

    def test_ends_with_the_lifetime(self):
        token, expires_at = ACCESS_TOKENS.issue("7", 11, NOW)
        assert ACCESS_TOKENS.read(token, expires_at - timedelta(microseconds=1))
        assert refusal(token, expires_at) == tokens.EXPIRED

    def test_refuses_another_secret(self):
        assert refusal(signed(secret=OTHER)) == tokens.FORGED

    def test_refuses_a_forged_token_as_forged_also_if_it_expired(self):
        assert refusal(signed(secret=OTHER), NOW + timedelta(days=1)) == tokens.FORGED

    def test_refuses_an_unknown_key(self):
        assert refusal(signed(kid="two")) == tokens.FORGED

    @pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
    def test_refuses_other_algorithms_by_the_right_secret(self, algorithm: str):
        long_enough = AccessTokens(key_id="one", secret=SECRET * 2)
        token = signed(secret=SECRET * 2, algorithm=algorithm)
        with pytest.raises(Unauthenticated) as raised:
            long_enough.read(token, NOW)
        assert raised.value.message == tokens.FORGED

    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, 0, ["HS256"]])
    def test_refuses_no_algorithm(self, algorithm: object):
        header = segment({**HEADER, "alg": algorithm})
        for signature in ("", "AAAA"):
            refusal(f"{header}.{segment(PAYLOAD)}.{signature}")

    @pytest.mark.parametrize("typ", ["JWT", "", None, "AT+JWT "])
    def test_refuses_other_types_of_token(self, typ: str | None):
        assert refusal(signed(typ=typ)) == tokens.MALFORMED

    @pytest.mark.parametrize("key_id", [None, 1, ["one"], {}])
    def test_refuses_a_key_id_that_is_no_text(self, key_id: object):
        header = segment({**HEADER, "alg": "HS256", "kid": key_id})
        refusal(f"{header}.{segment(PAYLOAD)}.AAAA")

    @pytest.mark.parametrize("claim", list(PAYLOAD))
    def test_refuses_a_missing_claim(self, claim: str):
        payload = {name: value for name, value in PAYLOAD.items() if name != claim}
        assert refusal(signed(payload)) == tokens.MALFORMED

    @pytest.mark.parametrize(
        ("claim", "value"),
        [
            ("sub", 7),
            ("sid", "11"),
            ("sid", None),
            ("sid", True),
            ("aud", "another service"),
            ("aud", [tokens.AUDIENCE]),
            ("iat", "now"),
            ("exp", "never"),
            ("exp", 1e300),
            ("exp", 10**30),
            ("exp", -1),
            ("exp", None),
        ],
    )
    def test_refuses_a_claim_of_another_kind(self, claim: str, value: object):
        assert refusal(signed({**PAYLOAD, claim: value})) == tokens.MALFORMED

    @pytest.mark.parametrize(
        "token",
        ["", ".", "..", "a.b", "a.b.c", "ä.ö.ü", "\ud800", "\0", "{}", "e30.e30.", "Bearer x"],
    )
    def test_refuses_what_is_no_token(self, token: str):
        assert refusal(token) == tokens.MALFORMED

    def test_refuses_a_huge_token_unread(self):
        assert refusal(signed({**PAYLOAD, "more": "x" * 2000})) == tokens.MALFORMED

    def test_says_nothing_of_the_token(self):
        assert "'" not in refusal(signed(kid="secret key name")) + refusal("a.b.c")

    @given(st.text())
    def test_refuses_any_text(self, token: str):
        refusal(token)

    @given(st.integers(min_value=0), st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789-_."))
    def test_refuses_a_token_with_any_character_changed(self, place: int, character: str):
        token = signed()
        at = place % len(token)
        changed = token[:at] + character + token[at + 1 :]
        if changed != token:
            refusal(changed)


class TestRotation:
    def test_reads_tokens_of_previous_keys(self):
        token, _ = ACCESS_TOKENS.issue("7", 11, NOW)
        rotated = AccessTokens(key_id="two", secret=OTHER, previous={"one": SECRET})
        assert rotated.read(token, NOW).subject == "7"
        assert jwt.get_unverified_header(rotated.issue("7", 11, NOW)[0])["kid"] == "two"

    def test_refuses_tokens_of_retired_keys(self):
        token, _ = ACCESS_TOKENS.issue("7", 11, NOW)
        with pytest.raises(Unauthenticated):
            AccessTokens(key_id="two", secret=OTHER).read(token, NOW)

    def test_refuses_a_key_under_the_name_of_another(self):
        rotated = AccessTokens(key_id="two", secret=OTHER, previous={"one": SECRET})
        with pytest.raises(Unauthenticated):
            rotated.read(signed(kid="two"), NOW)


class TestBearerToken:
    @pytest.mark.parametrize("value", ["Bearer a.b.c", "bearer a.b.c", " BEARER  a.b.c "])
    def test_is_what_follows_the_scheme(self, value: str):
        assert bearer_token(value) == "a.b.c"

    def test_is_none_without_a_header(self):
        assert bearer_token(None) is None

    @pytest.mark.parametrize("value", EMPTY)
    def test_is_none_in_an_empty_header(self, value: str):
        """As clients send that follow Apollo's documentation and have no token yet."""
        assert bearer_token(value) is None
        assert credentials(value) is None

    @pytest.mark.parametrize(
        "value", ["Basic", "Basic YTpi", "a.b.c", "Bearera.b.c", "Bearer,", ", ", "Bearer=a.b.c"]
    )
    def test_refuses_anything_else(self, value: str):
        assert credentials(value) == value
        with pytest.raises(Unauthenticated):
            bearer_token(value)


class TestCheckSecret:
    @pytest.mark.parametrize("secret", [tokens.DEVELOPMENT_SECRET, "", "x" * 31])
    def test_refuses_a_published_and_a_short_one_outside_development(self, secret: str):
        with pytest.raises(ValueError, match="SECRET"):
            check_secret(secret, development=False)
        check_secret(secret, development=True)

    def test_counts_bytes(self):
        check_secret("é" * 16, development=False)
