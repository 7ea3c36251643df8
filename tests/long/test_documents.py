"""Compares the compiled executor with graphql-core on many documents: `make fuzz` runs it alone."""

import gc
import os
from collections.abc import Iterator
from random import Random

import pytest

from tests.long.pieces import PIECES, in_pieces
from tests.weft.execution.random_documents import GRAPHQL_CORE_LEAVES, check_one

DOCUMENTS = int(os.environ.get("WEFT_DOCUMENTS", "50000"))


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collects the garbage of graphql-core here, not in the middle of another test."""
    yield
    gc.collect()


@in_pieces
@pytest.mark.filterwarnings(
    *GRAPHQL_CORE_LEAVES,
    # KeyError('__import__'): a coroutine is collected while a namedtuple is created.
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
async def test_documents_are_answered_as_by_graphql_core(piece: int) -> None:
    count = DOCUMENTS // PIECES
    for seed in range(piece * count, (piece + 1) * count):
        try:
            await check_one(Random(seed))
        except Exception as error:
            error.add_note(f"Document {seed}")
            raise
