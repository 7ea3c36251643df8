"""Compares the compiled executor with graphql-core on schemas that fail: see `agreement`."""

import gc
import warnings
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.weft.execution.agreement import results_of
from tests.weft.execution.documents import DocumentMaker
from tests.weft.execution.random_documents import GRAPHQL_CORE_LEAVES, SCHEMAS, check_one
from tests.weft.execution.torture import torture_schema
from weft.execution.engine import Engine


@pytest.mark.filterwarnings(*GRAPHQL_CORE_LEAVES)
class TestAnyDocument:
    @pytest.fixture(autouse=True)
    def collected(self) -> Iterator[None]:
        """Collects the coroutines that graphql-core leaves, so that no other test does."""
        yield
        gc.collect()

    # In four parts, so that several workers share them.
    @pytest.mark.parametrize("part", range(4))
    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        database=None,
    )
    @given(random=st.randoms(use_true_random=False))
    async def test_any_document_is_answered_as_by_graphql_core(
        self, part: int, random: Random
    ) -> None:
        await check_one(random)

    async def test_known_seeds_make_cases_of_all_kinds(self) -> None:
        kinds = Counter([await check_one(Random(seed)) for seed in range(50)])
        assert set(kinds) == {"clean", "errors", "refused"}
        assert kinds["clean"] + kinds["errors"] > 37


class TestCompiledExecutor:
    async def test_compiled_executor_leaves_no_coroutine_behind(self) -> None:
        engines = {index: Engine(torture_schema(index)) for index in range(SCHEMAS)}
        gc.collect()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for seed in range(60):
                random = Random(seed)
                index = random.randrange(SCHEMAS)
                text, variables = DocumentMaker(random, torture_schema(index)).make()
                await results_of(engines[index], text, variables, 0.1)
            gc.collect()
        assert [str(warning.message) for warning in caught] == []
