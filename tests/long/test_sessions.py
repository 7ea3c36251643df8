"""A long run of the state machine of sessions."""

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.long.pieces import in_pieces, seeded
from tests.resolvers.accounts.test_session_machine import SHORT, machine_on

PIECE = settings(SHORT, max_examples=200)


@in_pieces
def test_sessions_keep_their_rules_in_random_sequences(
    piece: int, database_url: str, connection: object
) -> None:
    with machine_on(database_url) as machine:
        run_state_machine_as_test(seeded(machine, piece), settings=PIECE)
