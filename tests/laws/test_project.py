"""The laws of the architecture; `tests/laws` tests that breaking one is found."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import GraphQLSchema

from loaders import Loaders
from schema import build_schema
from tests.laws import bounds, coordinates, decisions, layers, layout, retries, rows, storage, words
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
    def test_no_file_imports_from_a_higher_layer(self):
        assert layers.wrong_imports(PROJECT) == []

    def test_import_linter_finds_nothing(self):
        linter = Path(sys.executable).with_name("lint-imports")
        run = subprocess.run([linter, "--no-cache"], cwd=PROJECT, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout


class TestMachinery:
    def test_weft_uses_no_noun_of_the_domain(self, nouns: list[str]):
        assert nouns
        assert layers.domain_words(PROJECT, nouns, layers.OTHER_MEANINGS) == []


class TestCoordinate:
    def test_coordinate_is_the_address_of_its_resolver(self, schema: GraphQLSchema):
        assert len(list(coordinates.answered(schema))) > 20
        assert coordinates.wrong_resolvers(schema) == []

    def test_every_layer_has_a_file_for_each_noun(self, nouns: list[str]):
        assert coordinates.missing_files(PROJECT, nouns) == []

    def test_loaders_are_named_after_what_they_load_and_by_what(self):
        assert coordinates.wrong_loaders(Loaders) == []
        assert coordinates.unnamed_loaders(PROJECT) == []


class TestRowsUpTypesAtTheTop:
    def test_db_loaders_and_resolvers_do_not_import_strawberry(self):
        assert storage.wrong_libraries(PROJECT) == []

    def test_rows_are_frozen(self):
        assert rows.unfrozen_rows(PROJECT) == []

    def test_rows_have_every_column_of_their_types(self, schema: GraphQLSchema):
        assert rows.unread_rows(schema) == []


class TestSql:
    def test_sql_is_only_in_db(self):
        assert storage.wrong_libraries(PROJECT) == []
        assert storage.sql_outside_db(PROJECT) == []

    def test_statements_are_constants(self):
        assert storage.statements_per_call(PROJECT) == []
        names = [source.module for source in sources(PROJECT) if source.layer == "db"]
        modules = [importlib.import_module(name) for name in names if "migrations" not in name]
        assert sum(len(list(rows.statements(module))) for module in modules) > 20
        assert rows.wrong_statements(modules) == []


class TestDecision:
    def test_each_decision_has_one_place(self):
        assert decisions.wrong_places(PROJECT, decisions.PLACES) == []


class TestImport:
    def test_imports_have_no_side_effects(self):
        assert decisions.working_imports(PROJECT) == []
        assert happening(PROJECT) == []


class TestRedis:
    def test_code_that_computes_answers_does_not_import_redis(self):
        assert storage.wrong_libraries(PROJECT) == []


class TestCaches:
    def test_caches_are_bounded_by_bytes_and_listed(self):
        assert bounds.bounds(PROJECT)
        assert bounds.unlisted(PROJECT) == []
        assert bounds.by_count(PROJECT, bounds.BY_COUNT) == []


class TestCancellation:
    def test_no_loop_loses_a_cancellation_in_a_retry(self):
        assert retries.own_retries(PROJECT, retries.OWN_LOOPS) == []

    def test_no_await_of_a_library_loses_a_cancellation(self):
        assert retries.lost_cancellations(PROJECT, retries.OWN_AWAITS) == []


class TestTexts:
    def test_comments_docstrings_and_pages_use_the_terms_of_the_field(self):
        assert words.dialect(PROJECT) == []

    def test_names_of_tests_have_a_subject(self):
        assert words.tests_without_subject(PROJECT) == []


class TestLayoutOfTests:
    def test_folders_of_tests_mirror_those_of_the_source(self):
        assert layout.unmirrored_tests(PROJECT) == []


class TestFiles:
    def test_files_are_small_and_have_meaningful_names(self):
        assert decisions.wrong_sizes(PROJECT) == []
