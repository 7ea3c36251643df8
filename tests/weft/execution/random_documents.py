"""Runs one random document with the compiled executor and with graphql-core."""

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
"""Warnings to ignore: it leaves coroutines behind where an error propagates past them."""

TROUBLES = (0.0, 0.03, 0.1, 0.3)


async def check_one(random: Random) -> str:
    """Checks a document that `random` determines: raises `Disagreement`, or returns its kind."""
    # Whether a single row is written as JSON, as if it were one of many, or built.
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
    """One pair of executors for each schema, so that their caches are exercised too."""
    return Executors(schema)
