from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
    is_introspection_type,
    is_specified_scalar_type,
)

from schema import build_schema as build_own_schema

PRINTED = Path(__file__).parents[2] / "schema" / "schema.graphql"
CONTRACT = Path(__file__).with_name("contract.graphql")


def departures(contract: GraphQLSchema, schema: GraphQLSchema) -> set[str]:
    """Returns the breaking and dangerous changes for a client of the contract."""
    changes = (
        *find_breaking_changes(contract, schema),
        *find_dangerous_changes(contract, schema),
    )
    return {change.description for change in changes}


def undescribed(schema: GraphQLSchema) -> list[str]:
    """Returns the coordinates of everything without a description."""
    return [coordinate for coordinate, text in descriptions(schema) if not (text or "").strip()]


def descriptions(schema: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    for name, named_type in schema.type_map.items():
        if is_introspection_type(named_type) or is_specified_scalar_type(named_type):
            continue
        yield name, named_type.description
        match named_type:
            case GraphQLObjectType() | GraphQLInterfaceType():
                for field_name, field in named_type.fields.items():
                    yield f"{name}.{field_name}", field.description
                    for argument_name, argument in field.args.items():
                        yield f"{name}.{field_name}({argument_name}:)", argument.description
            case GraphQLInputObjectType():
                for field_name, field in named_type.fields.items():
                    yield f"{name}.{field_name}", field.description
            case GraphQLEnumType():
                for value_name, value in named_type.values.items():
                    yield f"{name}.{value_name}", value.description
            case _:
                pass


@pytest.fixture(scope="module")
def printed() -> GraphQLSchema:
    return build_schema(PRINTED.read_text())


@pytest.fixture(scope="module")
def contract() -> GraphQLSchema:
    return build_schema(CONTRACT.read_text())


class TestPrintedSchema:
    def test_printed_schema_is_that_of_the_code(self):
        text = build_own_schema().as_str() + "\n"
        assert PRINTED.read_text() == text, "schema/schema.graphql is old: run make schema"

    def test_printed_schema_keeps_the_contract(
        self, printed: GraphQLSchema, contract: GraphQLSchema
    ):
        assert departures(contract, printed) == set()

    def test_printed_schema_describes_everything(self, printed: GraphQLSchema):
        assert undescribed(printed) == []


class TestDepartures:
    """Compares the contract with a copy changed in one place."""

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("  viewer: User\n", ""),
            ("enum Role { MEMBER ADMIN }", "enum Role { MEMBER }"),
            ("enum Role { MEMBER ADMIN }", "enum Role { MEMBER ADMIN OWNER }"),
            ("  title: String!\n", "  title: String\n"),
            ("item(id: ID!): Item", "item(id: String!): Item"),
            ("user(id: ID!): User", "user(id: ID!, role: Role!): User"),
            ("direction: OrderDirection! = ASC", "direction: OrderDirection! = DESC"),
            ("users(first: Int, after", "users(after"),
            ("type Item implements Node", "type Item"),
            ("input DeleteItemInput { id: ID!", "input DeleteItemInput { id: ID! why: String!"),
            ("  item(id: ID!): Item\n", "  things(id: ID!): Item\n"),
        ],
    )
    def test_each_change_of_the_contract_is_a_departure(
        self, contract: GraphQLSchema, before: str, after: str
    ):
        text = CONTRACT.read_text()
        assert before in text
        assert departures(contract, build_schema(text.replace(before, after, 1))) != set()

    def test_addition_is_no_departure(self, contract: GraphQLSchema):
        text = CONTRACT.read_text() + "\nextend type User { nickname(short: Boolean): String }"
        assert departures(contract, build_schema(text)) == set()


class TestUndescribed:
    def test_types_fields_arguments_inputs_and_values_need_descriptions(self):
        schema = build_schema("""
            type Query { find(by: Key, "Told." told: Int): Thing }
            interface Thing { name: String }
            input Key { id: ID }
            enum Kind { BIG }
            scalar Time
        """)
        assert sorted(undescribed(schema)) == [
            "Key",
            "Key.id",
            "Kind",
            "Kind.BIG",
            "Query",
            "Query.find",
            "Query.find(by:)",
            "Thing",
            "Thing.name",
            "Time",
        ]
