"""One random document under the compiled executor and under graphql-core."""

from functools import cache
from random import Random

from graphql import GraphQLSchema

from tests.weft.execution.agreement import Executors
from tests.weft.execution.documents import FLAGS, DocumentMaker
from tests.weft.execution.torture import torture_schema
from tests.weft.execution.torture_pages import pages_schema
from weft.execution import template

SCHEMAS = 24
GRAPHQL_CORE_LEAVES = (
    "ignore:.*(coroutine|Coroutine).*::RuntimeWarning",
    "ignore:.*(coroutine|Coroutine).*::pytest.PytestUnraisableExceptionWarning",
)
"""Warnings to ignore: it leaves coroutines behind where an error spreads past them."""

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
