"""The laws of the architecture; that each is found when broken is tested in `tests/laws`."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import GraphQLSchema

from loaders import Loaders
from schema import build_schema
from tests.laws import bounds, coordinates, decisions, layers, retries, rows, storage
from tests.laws.importing import happening
from tests.laws.source import PROJECT, sources


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema()._schema  # pyright: ignore[reportPrivateUsage]


@pytest.fixture(scope="module")
def nouns(schema: GraphQLSchema) -> list[str]:
    """The nouns of the domain: the types that have an ID."""
    node = schema.type_map["Node"]
    return [type_.name.lower() for type_ in schema.get_possible_types(node)]  # pyright: ignore


class TestImportsGoOneWay:
    def test_in_every_file(self):
        assert layers.wrong_imports(PROJECT) == []

    def test_says_import_linter(self):
        linter = Path(sys.executable).with_name("lint-imports")
        run = subprocess.run([linter, "--no-cache"], cwd=PROJECT, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout


class TestMachinery:
    def test_knows_no_noun_of_the_domain(self, nouns: list[str]):
        assert nouns
        assert layers.domain_words(PROJECT, nouns, layers.OTHER_MEANINGS) == []


class TestCoordinate:
    def test_is_the_address_of_its_resolver(self, schema: GraphQLSchema):
        assert len(list(coordinates.answered(schema))) > 20
        assert coordinates.wrong_resolvers(schema) == []

    def test_is_the_address_in_every_layer(self, nouns: list[str]):
        assert coordinates.missing_files(PROJECT, nouns) == []

    def test_is_told_by_the_names_of_loaders(self):
        assert coordinates.wrong_loaders(Loaders) == []
        assert coordinates.unnamed_loaders(PROJECT) == []


class TestRowsUpTypesAtTheTop:
    def test_by_imports(self):
        assert storage.wrong_libraries(PROJECT) == []

    def test_with_rows_that_cannot_change(self):
        assert rows.unfrozen_rows(PROJECT) == []

    def test_with_rows_that_types_are_read_off(self, schema: GraphQLSchema):
        assert rows.unread_rows(schema) == []


class TestSql:
    def test_stands_only_in_db(self):
        assert storage.wrong_libraries(PROJECT) == []
        assert storage.sql_outside_db(PROJECT) == []

    def test_is_constant(self):
        assert storage.statements_per_call(PROJECT) == []
        names = [source.module for source in sources(PROJECT) if source.layer == "db"]
        modules = [importlib.import_module(name) for name in names if "migrations" not in name]
        assert sum(len(list(rows.statements(module))) for module in modules) > 20
        assert rows.wrong_statements(modules) == []


class TestDecision:
    def test_has_one_place(self):
        assert decisions.wrong_places(PROJECT, decisions.PLACES) == []


class TestImport:
    def test_does_nothing_else(self):
        assert decisions.working_imports(PROJECT) == []
        assert happening(PROJECT) == []


class TestRedis:
    def test_is_unknown_to_whoever_makes_answers(self):
        assert storage.wrong_libraries(PROJECT) == []


class TestWhatIsKept:
    def test_is_bounded_by_bytes_and_listed(self):
        assert bounds.bounds(PROJECT)
        assert bounds.unlisted(PROJECT) == []
        assert bounds.by_count(PROJECT, bounds.BY_COUNT) == []


class TestCancellation:
    def test_is_lost_by_no_loop_that_tries_again(self):
        assert retries.own_retries(PROJECT, retries.OWN_LOOPS) == []

    def test_is_lost_by_no_library(self):
        assert retries.lost_cancellations(PROJECT, retries.OWN_AWAITS) == []


class TestFiles:
    def test_are_small_and_named_for_something(self):
        assert decisions.wrong_sizes(PROJECT) == []
