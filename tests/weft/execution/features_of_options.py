"""Features of Strawberry that are options of a schema."""

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter

from tests.weft.execution import plain_strawberry as plain
from tests.weft.execution.features import (
    DIFFERS,
    INTEGRATIONS,
    data,
    executed,
    feature,
    left_to_integrations,
)
from tests.weft.execution.features_of_fields import Box, Query, box_of, configured
from weft.declare.fields import root
from weft.execution import Schema


@feature("`types=`")
async def types() -> None:
    found = await data(plain.build, '{ __type(name: "Circle") { name } }')
    assert found == {"__type": {"name": "Circle"}}


@feature("`config.auto_camel_case`, `config.name_converter`")
async def names() -> None:
    class Shouting(NameConverter):
        def apply_naming_config(self, name: str) -> str:
            return name.upper()

    @strawberry.type
    class Root:
        some_word: str = strawberry.field(resolver=lambda: "w")
        box: Box = root(box_of)

    for config, text in (
        (StrawberryConfig(auto_camel_case=False), "{ some_word box { double } }"),
        (StrawberryConfig(name_converter=Shouting()), "{ SOME_WORD BOX { DOUBLE } }"),
    ):
        found = await Schema(Root, config=config).run(text)
        assert found.errors is None


@feature("`config.default_resolver`", DIFFERS)
async def default_resolver() -> None:
    config = StrawberryConfig(default_resolver=lambda source, name: source[name])
    found = await Schema(Query, config=config).run(
        "{ word box { number } }", root_value={"word": "of a dict"}
    )
    assert found.data == {"word": "of a dict", "box": {"number": 1}}


@feature("`config.info_class`")
async def info_class() -> None:
    class OwnInfo(strawberry.Info): ...

    found = await data(configured(info_class=OwnInfo), "{ about }", root_value="root")
    assert found == {"about": "OwnInfo root None"}


@feature("`config.sort_schema`")
async def sort_schema() -> None:
    found = await Schema(Query, config=StrawberryConfig(sort_schema=True)).run("{ box { double } }")
    assert found.data == {"box": {"double": 2}}
    printed = Schema(Query, config=StrawberryConfig(sort_schema=True)).as_str()
    assert printed.index("about:") < printed.index("box:") < printed.index("word:")


@feature("`config.disable_field_suggestions`", INTEGRATIONS)
async def field_suggestions() -> None:
    build = configured(disable_field_suggestions=True)
    message = "Cannot query field 'words' on type 'Query'."
    for each in left_to_integrations(build, "config.disable_field_suggestions"):
        assert await executed(each, "{ words }") == (None, [message])
    refused = await Schema(Query).engine.run("{ words }", sees_schema=False)
    assert [error.message for error in refused.errors or ()] == [message]
