from pathlib import Path

import pytest

from tests.laws import words
from tests.laws.tree import write


class TestDialect:
    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("weft/a.py", '"""Gives it to whoever comes."""\n'),
            ("weft/a.py", "# The hub is told at once.\n"),
            ("weft/a.py", 'A = 1\n"""What is asked."""\n'),
            ("docs/a.md", "It comes again.\n"),
        ],
    )
    def test_text_in_the_old_dialect_is_found(self, tmp_path: Path, path: str, text: str):
        assert len(words.dialect(write(tmp_path, {path: text}))) == 1

    def test_strings_of_the_program_are_not_searched(self, tmp_path: Path):
        assert words.dialect(write(tmp_path, {"weft/a.py": 'A = "nobody"\n'})) == []

    def test_phrase_is_found_across_the_end_of_a_line(self, tmp_path: Path):
        text = '"""The hub is\ntold at once."""\n'
        assert len(words.dialect(write(tmp_path, {"weft/a.py": text}))) == 1


class TestTestsWithoutSubject:
    def test_name_that_begins_with_a_verb_is_found(self, tmp_path: Path):
        tree = write(tmp_path, {"tests/test_a.py": "def test_is_none(): ...\n"})
        assert words.tests_without_subject(tree) == ["tests/test_a.py:1: test_is_none"]

    def test_name_with_a_subject_passes(self, tmp_path: Path):
        tree = write(tmp_path, {"tests/test_a.py": "def test_island_is_found(): ...\n"})
        assert words.tests_without_subject(tree) == []
