"""Many random documents against graphql-core: python -m tests.weft.execution.fuzz."""

import argparse
import asyncio
import sys
import time
from collections import Counter
from functools import cache
from random import Random

from graphql import GraphQLSchema

from tests.weft.execution.agreement import Disagreement, Executors
from tests.weft.execution.documents import FLAGS, DocumentMaker
from tests.weft.execution.torture import torture_schema
from tests.weft.execution.torture_pages import pages_schema
from weft.execution import template

SCHEMAS = 24
TROUBLES = (0.0, 0.03, 0.1, 0.3)


async def check_one(random: Random) -> str:
    """One document; `random` says all about it. Raises `Disagreement`; gives the kind of case."""
    # Whether a row by itself is written, as it would be among others, or made.
    template.FEW_ROWS = random.choice((1, 12))  # pyright: ignore[reportConstantRedefinition]
    kind = torture_schema if random.random() < 0.6 else pages_schema
    schema = kind(random.randrange(SCHEMAS))
    text, variables = DocumentMaker(random, schema).make()
    pair, trouble = executors(schema), random.choice(TROUBLES)
    kind = await pair.check(text, variables, trouble)
    if not variables.keys().isdisjoint(FLAGS):
        # The same text again, where other fields are skipped.
        flipped = {name: not value if name in FLAGS else value for name, value in variables.items()}
        await pair.check(text, flipped, trouble)
    return kind


@cache
def executors(schema: GraphQLSchema) -> Executors:
    """One pair of executors for each schema, so that what they keep is exercised too."""
    return Executors(schema)


async def run(first: int, documents: int) -> int:
    kinds: Counter[str] = Counter()
    started = time.monotonic()
    for seed in range(first, first + documents):
        try:
            kinds[await check_one(Random(seed))] += 1
        except Disagreement as disagreement:
            _tell(f"seed {seed}: {disagreement}")
            return 1
        except Exception:
            _tell(f"seed {seed}")
            raise
        if (seed - first) % 5000 == 4999:
            _tell(f"{seed - first + 1} {dict(kinds)} {time.monotonic() - started:.0f} s")
    _tell(f"{documents} documents agree: {dict(kinds)}, {time.monotonic() - started:.0f} s")
    return 0


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    return asyncio.run(run(options.first_seed, options.documents))


if __name__ == "__main__":
    sys.exit(main())
