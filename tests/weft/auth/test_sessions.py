import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from weft.auth.sessions import SessionRules, StoredToken, Verdict, digest, new_refresh_token

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
RULES = SessionRules()
TICK = timedelta(microseconds=1)


class TestJudge:
    def test_rotates_an_unused_token_until_it_expires(self):
        token = StoredToken(LATER, None, is_superseded=False)
        assert RULES.judge(token, LATER - TICK) is Verdict.ROTATE
        assert RULES.judge(token, LATER) is Verdict.EXPIRED

    def test_rotates_a_used_token_within_the_grace(self):
        token = StoredToken(LATER, NOW, is_superseded=False)
        assert RULES.judge(token, NOW + RULES.grace - TICK) is Verdict.ROTATE
        assert RULES.judge(token, NOW + RULES.grace) is Verdict.REUSED

    def test_gives_a_used_token_one_sibling(self):
        for successors, verdict in ((1, Verdict.ROTATE), (2, Verdict.SPENT), (3, Verdict.SPENT)):
            token = StoredToken(LATER, NOW, is_superseded=False, successors=successors)
            assert RULES.judge(token, NOW) is verdict
            assert RULES.judge(token, NOW + RULES.grace) is Verdict.REUSED

    def test_has_no_grace_for_a_token_whose_successor_was_used(self):
        assert RULES.judge(StoredToken(LATER, NOW, is_superseded=True), NOW) is Verdict.REUSED

    def test_has_no_grace_at_all_if_none_is_set(self):
        rules = SessionRules(grace=timedelta(0))
        assert rules.judge(StoredToken(LATER, NOW, is_superseded=False), NOW) is Verdict.REUSED

    def test_takes_a_used_token_that_expired_for_expired(self):
        token = StoredToken(LATER, NOW, is_superseded=True)
        assert RULES.judge(token, LATER) is Verdict.EXPIRED


class TestExpiresAt:
    def test_slides(self):
        assert RULES.expires_at(NOW, NOW + timedelta(days=7)) == NOW + timedelta(days=37)

    def test_does_not_slide_beyond_the_life_of_a_session(self):
        assert RULES.expires_at(NOW, NOW + timedelta(days=350)) == NOW + timedelta(days=365)


class TestDigest:
    def test_is_sha256(self):
        assert digest("token") == hashlib.sha256(b"token").digest()

    def test_takes_any_text(self):
        assert len(digest("\ud800\0")) == 32


class TestNewRefreshToken:
    def test_has_256_bits(self):
        assert len(new_refresh_token()) == pytest.approx(256 / 6, abs=1)
        assert new_refresh_token() != new_refresh_token()
