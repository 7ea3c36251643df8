"""The pieces of a long test: each with other random numbers, and none of more than a minute."""

import pytest
from hypothesis import seed
from hypothesis.stateful import RuleBasedStateMachine

PIECES = 20

in_pieces = pytest.mark.parametrize("piece", range(PIECES))
"""For a test that takes `piece`, and does a PIECES-th of its work."""


def seeded(machine: type[RuleBasedStateMachine], piece: int) -> type[RuleBasedStateMachine]:
    """A class of its own, as the seed would stay on the machine, and on those that inherit it."""
    return seed(piece)(type(machine.__name__, (machine,), {}))
