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
    def test_issued_token_is_read_back(self):
        token, expires_at = ACCESS_TOKENS.issue("7", 11, NOW)
        claims = ACCESS_TOKENS.read(token, NOW)
        assert (claims.subject, claims.session_id) == ("7", 11)
        assert claims.issued_at == NOW.replace(microsecond=0)
        assert claims.expires_at == expires_at == claims.issued_at + timedelta(minutes=15)

    def test_issued_token_names_its_key_and_type(self):
        header = jwt.get_unverified_header(ACCESS_TOKENS.issue("7", 11, NOW)[0])
        assert header == {"alg": "HS256", "kid": "one", "typ": "at+jwt"}


class TestRead:
    def test_correctly_signed_token_is_accepted(self):
        assert ACCESS_TOKENS.read(signed(), NOW).subject == "7"

    def test_token_expires_with_its_lifetime(self):
        token, expires_at = ACCESS_TOKENS.issue("7", 11, NOW)
        assert ACCESS_TOKENS.read(token, expires_at - timedelta(microseconds=1))
        assert refusal(token, expires_at) == tokens.EXPIRED

    def test_token_of_another_secret_is_refused(self):
        assert refusal(signed(secret=OTHER)) == tokens.FORGED

    def test_forged_token_is_refused_as_forged_even_if_expired(self):
        assert refusal(signed(secret=OTHER), NOW + timedelta(days=1)) == tokens.FORGED

    def test_token_of_an_unknown_key_is_refused(self):
        assert refusal(signed(kid="two")) == tokens.FORGED

    @pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
    def test_other_algorithms_with_the_right_secret_are_refused(self, algorithm: str):
        long_enough = AccessTokens(key_id="one", secret=SECRET * 2)
        token = signed(secret=SECRET * 2, algorithm=algorithm)
        with pytest.raises(Unauthenticated) as raised:
            long_enough.read(token, NOW)
        assert raised.value.message == tokens.FORGED

    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, 0, ["HS256"]])
    def test_token_without_an_algorithm_is_refused(self, algorithm: object):
        header = segment({**HEADER, "alg": algorithm})
        for signature in ("", "AAAA"):
            refusal(f"{header}.{segment(PAYLOAD)}.{signature}")

    @pytest.mark.parametrize("typ", ["JWT", "", None, "AT+JWT "])
    def test_other_types_of_token_are_refused(self, typ: str | None):
        assert refusal(signed(typ=typ)) == tokens.MALFORMED

    @pytest.mark.parametrize("key_id", [None, 1, ["one"], {}])
    def test_key_id_that_is_no_text_is_refused(self, key_id: object):
        header = segment({**HEADER, "alg": "HS256", "kid": key_id})
        refusal(f"{header}.{segment(PAYLOAD)}.AAAA")

    @pytest.mark.parametrize("claim", list(PAYLOAD))
    def test_token_with_a_missing_claim_is_refused(self, claim: str):
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
    def test_token_with_a_claim_of_another_type_is_refused(self, claim: str, value: object):
        assert refusal(signed({**PAYLOAD, claim: value})) == tokens.MALFORMED

    @pytest.mark.parametrize(
        "token",
        ["", ".", "..", "a.b", "a.b.c", "ä.ö.ü", "\ud800", "\0", "{}", "e30.e30.", "Bearer x"],
    )
    def test_text_that_is_no_token_is_refused_as_malformed(self, token: str):
        assert refusal(token) == tokens.MALFORMED

    def test_huge_token_is_refused_unread(self):
        assert refusal(signed({**PAYLOAD, "more": "x" * 2000})) == tokens.MALFORMED

    def test_refusal_repeats_nothing_of_the_token(self):
        assert "'" not in refusal(signed(kid="secret key name")) + refusal("a.b.c")

    @given(st.text())
    def test_any_text_is_refused(self, token: str):
        refusal(token)

    @given(st.integers(min_value=0), st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789-_."))
    def test_token_with_any_character_changed_is_refused(self, place: int, character: str):
        token = signed()
        at = place % len(token)
        changed = token[:at] + character + token[at + 1 :]
        if changed != token:
            refusal(changed)


class TestRotation:
    def test_tokens_of_previous_keys_are_accepted(self):
        token, _ = ACCESS_TOKENS.issue("7", 11, NOW)
        rotated = AccessTokens(key_id="two", secret=OTHER, previous={"one": SECRET})
        assert rotated.read(token, NOW).subject == "7"
        assert jwt.get_unverified_header(rotated.issue("7", 11, NOW)[0])["kid"] == "two"

    def test_tokens_of_retired_keys_are_refused(self):
        token, _ = ACCESS_TOKENS.issue("7", 11, NOW)
        with pytest.raises(Unauthenticated):
            AccessTokens(key_id="two", secret=OTHER).read(token, NOW)

    def test_key_under_the_name_of_another_is_refused(self):
        rotated = AccessTokens(key_id="two", secret=OTHER, previous={"one": SECRET})
        with pytest.raises(Unauthenticated):
            rotated.read(signed(kid="two"), NOW)


class TestBearerToken:
    @pytest.mark.parametrize("value", ["Bearer a.b.c", "bearer a.b.c", " BEARER  a.b.c "])
    def test_token_is_the_text_after_the_scheme(self, value: str):
        assert bearer_token(value) == "a.b.c"

    def test_absent_header_has_no_token(self):
        assert bearer_token(None) is None

    @pytest.mark.parametrize("value", EMPTY)
    def test_empty_header_has_no_token(self, value: str):
        """Clients that follow Apollo's documentation send these while they have no token."""
        assert bearer_token(value) is None
        assert credentials(value) is None

    @pytest.mark.parametrize(
        "value", ["Basic", "Basic YTpi", "a.b.c", "Bearera.b.c", "Bearer,", ", ", "Bearer=a.b.c"]
    )
    def test_any_other_header_is_refused(self, value: str):
        assert credentials(value) == value
        with pytest.raises(Unauthenticated):
            bearer_token(value)


class TestCheckSecret:
    @pytest.mark.parametrize("secret", [tokens.DEVELOPMENT_SECRET, "", "x" * 31])
    def test_published_and_short_secrets_are_refused_outside_development(self, secret: str):
        with pytest.raises(ValueError, match="SECRET"):
            check_secret(secret, development=False)
        check_secret(secret, development=True)

    def test_length_of_a_secret_is_in_bytes(self):
        check_secret("é" * 16, development=False)
