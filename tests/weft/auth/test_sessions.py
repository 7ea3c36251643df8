import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from weft.auth.sessions import SessionRules, StoredToken, Verdict, digest, new_refresh_token

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
RULES = SessionRules()
TICK = timedelta(microseconds=1)


class TestJudge:
    def test_unused_token_is_rotated_until_it_expires(self):
        token = StoredToken(LATER, None, is_superseded=False)
        assert RULES.judge(token, LATER - TICK) is Verdict.ROTATE
        assert RULES.judge(token, LATER) is Verdict.EXPIRED

    def test_used_token_is_rotated_within_the_grace(self):
        token = StoredToken(LATER, NOW, is_superseded=False)
        assert RULES.judge(token, NOW + RULES.grace - TICK) is Verdict.ROTATE
        assert RULES.judge(token, NOW + RULES.grace) is Verdict.REUSED

    def test_used_token_gets_one_sibling(self):
        for successors, verdict in ((1, Verdict.ROTATE), (2, Verdict.SPENT), (3, Verdict.SPENT)):
            token = StoredToken(LATER, NOW, is_superseded=False, successors=successors)
            assert RULES.judge(token, NOW) is verdict
            assert RULES.judge(token, NOW + RULES.grace) is Verdict.REUSED

    def test_token_whose_successor_was_used_has_no_grace(self):
        assert RULES.judge(StoredToken(LATER, NOW, is_superseded=True), NOW) is Verdict.REUSED

    def test_used_token_has_no_grace_if_none_is_set(self):
        rules = SessionRules(grace=timedelta(0))
        assert rules.judge(StoredToken(LATER, NOW, is_superseded=False), NOW) is Verdict.REUSED

    def test_used_token_that_expired_counts_as_expired(self):
        token = StoredToken(LATER, NOW, is_superseded=True)
        assert RULES.judge(token, LATER) is Verdict.EXPIRED


class TestExpiresAt:
    def test_expiry_slides(self):
        assert RULES.expires_at(NOW, NOW + timedelta(days=7)) == NOW + timedelta(days=37)

    def test_expiry_does_not_slide_beyond_the_life_of_a_session(self):
        assert RULES.expires_at(NOW, NOW + timedelta(days=350)) == NOW + timedelta(days=365)


class TestDigest:
    def test_digest_is_sha256(self):
        assert digest("token") == hashlib.sha256(b"token").digest()

    def test_digest_accepts_any_text(self):
        assert len(digest("\ud800\0")) == 32


class TestNewRefreshToken:
    def test_refresh_token_has_256_bits(self):
        assert len(new_refresh_token()) == pytest.approx(256 / 6, abs=1)
        assert new_refresh_token() != new_refresh_token()
