from pathlib import Path

import pytest

from tests.laws import layers
from tests.laws.tree import write


class TestWrongImports:
    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("weft/a.py", "from db.item import ItemRow"),
            ("db/a.py", "import loaders.item"),
            ("loaders/a.py", "def f():\n    from resolvers import item"),
            ("resolvers/a.py", "import schema"),
            ("schema/a.py", "import app"),
            ("weft/a/b.py", "from . import c"),
        ],
    )
    def test_import_of_a_higher_layer_breaks_the_law(self, tmp_path: Path, path: str, text: str):
        tree = write(tmp_path, {"app.py": "import schema, weft", path: text})
        (violation,) = layers.wrong_imports(tree)
        assert violation.startswith(path)


class TestDomainWords:
    @pytest.mark.parametrize(
        "text",
        [
            "items = []",
            "def load_item(): ...",
            "class UserLoader: ...",
            "USER_ID = 1",
            "# like an Item",
            '"""Loads users."""',
            "for key, value in things.item(): ...",
        ],
    )
    def test_noun_of_the_domain_breaks_the_law(self, tmp_path: Path, text: str):
        tree = write(tmp_path, {"weft/a.py": text})
        assert layers.domain_words(tree, ["user", "item"], {}) != []

    def test_mappings_and_other_packages_keep_the_law(self, tmp_path: Path):
        text = "for key, value in pairs.items(): itemise(key)\ncode = 'BAD_USER_INPUT'"
        tree = write(tmp_path, {"weft/a.py": text, "db/a.py": "item = 1"})
        assert layers.domain_words(tree, ["user", "item"], {}) == []

    def test_unused_meaning_breaks_the_law(self, tmp_path: Path):
        tree = write(tmp_path, {"weft/a.py": ""})
        assert layers.domain_words(tree, ["item"], {("weft/a.py", "item"): "any"}) != []
