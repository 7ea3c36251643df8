"""What the pages must contain: generated tables, indexes, codes, versions."""

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import weft.errors
from development.generated import TABLES, write_tables
from schema import build_schema
from tests.docs.pages import CHECKOUT, SITE, Page, paths, rows

README_LINES = 150
QUESTIONS = 20
PROJECT: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
SITE_CONFIGURATION: dict[str, Any] = tomllib.loads((CHECKOUT / "zensical.toml").read_text())


def page(path: str) -> Page:
    return Page(CHECKOUT, Path(path))


class TestReadme:
    def test_readme_is_short(self) -> None:
        assert len(page("README.md").text.splitlines()) <= README_LINES

    def test_readme_links_to_every_page(self) -> None:
        linked = set(re.findall(r"\]\((docs/\w+\.md)\)", page("README.md").text))
        assert linked == {f"docs/{path.name}" for path in (CHECKOUT / "docs").glob("*.md")}


class TestTables:
    @pytest.mark.parametrize(
        ("path", "name"), [(path, name) for path, tables in TABLES.items() for name in tables]
    )
    def test_table_equals_what_the_code_generates(self, path: Path, name: str) -> None:
        table = path.read_text().split(f"<!-- {name} -->\n")[1].split(f"<!-- /{name} -->")[0]
        assert table == TABLES[path][name](), "run weft settings --write"

    def test_tables_are_written_into_their_pages(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = tmp_path / "page.md"
        old.write_text("Before.\n<!-- a -->\nold\n<!-- /a -->\nAfter.\n")
        monkeypatch.setattr("development.generated.TABLES", {old: {"a": lambda: "new\n"}})
        write_tables()
        assert old.read_text() == "Before.\n<!-- a -->\nnew\n<!-- /a -->\nAfter.\n"


class TestDecisions:
    def test_index_lists_every_decision_with_title_date_and_status(self) -> None:
        indexed = sorted(tuple(row) for row in rows(page("docs/decisions.md").text))
        assert indexed == sorted(self.expected())

    def expected(self) -> Iterator[tuple[str, str, str]]:
        """Yields the row of each decision, from its first lines."""
        for path in sorted((CHECKOUT / "decisions").glob("*.md")):
            title, empty, status, *_ = path.read_text().splitlines()
            found = re.fullmatch(r"(\d{4}-\d\d-\d\d), (.+)\.", status)
            assert found, f"{path.name}: the third line has no date and status"
            assert date.fromisoformat(found[1])
            assert not empty
            yield f"[{title.removeprefix('# ')}](../decisions/{path.name})", found[1], found[2]


class TestQuestions:
    ROWS = rows(page("docs/questions.md").text)

    def test_page_has_enough_questions(self) -> None:
        assert len(self.ROWS) >= QUESTIONS

    def test_every_question_is_answered_by_a_link_or_a_file(self) -> None:
        for question, answer in self.ROWS:
            assert question.endswith("?")
            assert "](" in answer or list(paths(answer)), question


class TestErrors:
    TEXT = page("docs/errors.md").text

    def test_page_names_every_code_of_the_server(self) -> None:
        errors = [vars(weft.errors)[name] for name in vars(weft.errors)]
        codes = {
            error.code
            for error in errors
            if isinstance(error, type) and issubclass(error, weft.errors.WeftError)
        }
        assert len(codes) > 10
        named = set(re.findall(r"`([A-Z_]+)`", self.TEXT))
        assert codes - named == {weft.errors.DeclarationError.code}

    def test_page_lists_every_code_of_a_mutation(self) -> None:
        enum: Any = build_schema().graphql_schema.type_map["UserErrorCode"]
        section = self.TEXT.split("## Codes in the errors of a mutation")[1].split("\n## ")[0]
        assert [row[0].strip("`") for row in rows(section)] == list(enum.values)


class TestVersion:
    CHANGELOG = page("CHANGELOG.md").text

    def test_version_is_the_newest_of_the_changelog(self) -> None:
        first, *released = re.findall(r"^## (.+)$", self.CHANGELOG, re.MULTILINE)
        assert first == "Unreleased"
        found = [re.fullmatch(r"(\d+\.\d+\.\d+), (\d{4}-\d\d-\d\d)", each) for each in released]
        versions = [tuple(map(int, each[1].split("."))) for each in found if each]
        assert len(versions) == len(released) > 0
        assert versions == sorted(versions, reverse=True)
        assert found[0] is not None
        assert PROJECT["project"]["version"] == found[0][1]

    def test_version_is_that_of_the_lock_file(self) -> None:
        lock = tomllib.loads((CHECKOUT / "uv.lock").read_text())
        (weft,) = (each for each in lock["package"] if each["name"] == "weft")
        assert weft["version"] == PROJECT["project"]["version"]


class TestSite:
    def test_navigation_has_every_page(self) -> None:
        def leaves(entries: list[dict[str, Any]]) -> Iterator[str]:
            for entry in entries:
                for value in entry.values():
                    yield from [value] if isinstance(value, str) else leaves(value)

        named = list(leaves(SITE_CONFIGURATION["project"]["nav"]))
        there = [f"docs/{path.name}" for path in (CHECKOUT / "docs").glob("*.md")]
        assert sorted(named) == sorted([*SITE, *there])

    def test_site_is_built_from_the_files_that_the_tests_check(self) -> None:
        makefile = (CHECKOUT / "Makefile").read_text()
        assert f"cp -R {' '.join([*SITE, 'docs', 'decisions'])} .docs/source" in makefile
