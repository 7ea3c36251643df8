"""The pieces of a long test: each with its own random numbers, and of a minute at most."""

import pytest
from hypothesis import seed
from hypothesis.stateful import RuleBasedStateMachine

PIECES = 20

in_pieces = pytest.mark.parametrize("piece", range(PIECES))
"""Marks a test that takes `piece` and does one PIECES-th of the work."""


def seeded(machine: type[RuleBasedStateMachine], piece: int) -> type[RuleBasedStateMachine]:
    """Returns a subclass with the seed, which would otherwise stay on `machine` and its heirs."""
    return seed(piece)(type(machine.__name__, (machine,), {}))
