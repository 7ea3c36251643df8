"""How long a mail says that its token lasts."""

from datetime import timedelta

import pytest

from resolvers.accounts.mailed_token import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (60, "1 minute"),
        (1800, "30 minutes"),
        (3600, "60 minutes"),
        (5400, "90 minutes"),
        (86_400, "24 hours"),
    ],
)
def test_duration_is_given_in_hours_if_it_is_several_whole_hours(seconds: int, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words
