"""Measures what an operation costs in the executor itself: python -m bench.execution [--profile].

Per operation, in microseconds of one core, beside graphql-core in the same run:
compile: from text to plan, with parsing and validation; happens once for each text.
execute: from variables to result, with a compiled plan; resolvers return data in memory.
encode: the result as JSON bytes.
"""

import argparse
import asyncio
import cProfile
import pstats
import time
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from graphql import ExecutionResult

from bench.execution_schema import OPERATIONS, Query
from weft.execution.engine import Engine
from weft.execution.schema import Schema

ROUNDS = 5
CALLS_AT_ONCE = 5


async def microseconds(once: Callable[[], Awaitable[object]], seconds: float) -> float:
    """Returns microseconds of CPU for one call: the best of ROUNDS that take `seconds` together."""
    best = float("inf")
    for _ in range(ROUNDS):
        calls, began = 0, time.process_time()
        while (spent := time.process_time() - began) < seconds / ROUNDS:
            for _ in range(CALLS_AT_ONCE):
                await once()
            calls += CALLS_AT_ONCE
        best = min(best, spent / calls * 1e6)
    return best


class Case:
    """One operation that can be executed in several ways."""

    def __init__(self, schema: Schema, text: str, variables: Mapping[str, object]) -> None:
        self.text = text
        self.variables = variables
        self.schema = schema.graphql_schema
        self.compiled = Engine(self.schema)
        self.core = Engine(self.schema, executor="reference")

    async def execute(self) -> ExecutionResult:
        """Executes the compiled plan."""
        return await self.compiled.run(self.text, variables=self.variables)

    async def execute_by_core(self) -> ExecutionResult:
        """Executes by graphql-core; the document has been parsed and validated before."""
        return await self.core.run(self.text, variables=self.variables)

    async def compile_and_execute(self) -> ExecutionResult:
        """Compiles the text in a new engine, then executes it."""
        return await Engine(self.schema).run(self.text, variables=self.variables)


async def measure(seconds: float) -> None:
    """Prints the table of all operations."""
    print(f"{'':28}{'compile':>10}{'execute':>10}{'graphql-core':>14}{'encode':>10}")
    schema = Schema(Query)
    encode = msgspec.json.Encoder().encode
    for name, (text, variables) in OPERATIONS.items():
        case = Case(schema, text, variables)
        result = await case.execute()
        assert result.data == (await case.execute_by_core()).data
        assert not result.errors

        async def encode_result(data: object = result.data) -> object:
            return encode({"data": data})

        execute = await microseconds(case.execute, seconds)
        core = await microseconds(case.execute_by_core, seconds)
        both = await microseconds(case.compile_and_execute, seconds)
        encoding = await microseconds(encode_result, seconds)
        print(f"{name:28}{both - execute:10.1f}{execute:10.1f}{core:14.1f}{encoding:10.1f}")


async def profile() -> None:
    """Prints the profile of executing all operations."""
    profiler = cProfile.Profile()
    for text, variables in OPERATIONS.values():
        case = Case(Schema(Query), text, variables)
        await case.execute()
        profiler.enable()
        for _ in range(500):
            await case.execute()
        profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each number")
    parser.add_argument("--profile", action="store_true", help="where executing spends its time")
    options = parser.parse_args()
    asyncio.run(profile() if options.profile else measure(options.seconds))


if __name__ == "__main__":
    main()
