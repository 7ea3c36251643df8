"""To which operation a statement is attributed when operations share what runs it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from weft.explanation import AT_WORK, ExplainedBatch, Explanation, Work
from weft.writing.joined import JoinedWrites


@asynccontextmanager
async def begin() -> AsyncGenerator[Any]:
    yield SimpleNamespace(wait_seconds=0.0)


class TestJoinedWrites:
    async def test_joined_write_is_explained_by_its_request_not_by_its_lane(self) -> None:
        at_work: list[Work | None] = []

        async def write(_: Any, requests: Sequence[str]) -> Sequence[str]:
            work = AT_WORK.get()
            at_work.append(work)
            if work is not None:
                work.add_statement("UPDATE", 0.001)
            return requests

        writes = JoinedWrites(begin, lanes=1, most=1)
        explanation = Explanation()
        with explanation.at_work("Mutation.write"):
            first = writes.submit(write, 1, "explained")
        second = writes.submit(write, 2, "not explained")
        assert [await first, await second] == ["explained", "not explained"]
        assert isinstance(at_work[0], ExplainedBatch)
        assert at_work[1] is None
        (statement,) = explanation.as_dict()["statements"]
        assert statement["field"] == "Mutation.write"
