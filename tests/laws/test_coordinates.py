from pathlib import Path
from typing import Any

import msgspec
import pytest
from graphql import GraphQLSchema

from schema.node import Node
from tests.laws import coordinates, rows, storage
from tests.laws.tree import write
from weft.declare.fields import column, field, root
from weft.declare.info import Info
from weft.declare.types import output
from weft.execution.schema import Schema
from weft.loading.loader import LoaderSet, loads
from weft.loading.reach import Reach


class BoxRow(msgspec.Struct, frozen=True):
    id: int


async def box(info: Info) -> BoxRow:
    """A box."""
    return BoxRow(1)


box.__module__ = "resolvers.test_coordinates"


def box_schema(size_of: Any) -> GraphQLSchema:
    """Returns a schema whose boxes have a `size` with this resolver."""

    @output(BoxRow)
    class Box:
        """A box."""

        id: int = column("Its number.")
        size: int = field(size_of)

    @output()
    class Query:
        """The root."""

        box: Box = root(box)

    Box.__module__ = "schema.test_coordinates"
    return Schema(Query)._schema  # pyright: ignore[reportPrivateUsage]


class TestCoordinates:
    @pytest.mark.parametrize(
        ("name", "module", "violations"),
        [
            ("size", "resolvers.test_coordinates", 0),
            ("size", "resolvers.test_coordinates_more", 0),
            ("length", "resolvers.test_coordinates", 1),
            ("size", "resolvers.item", 1),
            ("size", "weft.declare.pagination", 1),
        ],
    )
    def test_resolver_of_another_name_or_noun_breaks_the_law(
        self, name: str, module: str, violations: int
    ):
        async def size(boxes: Any, info: Info) -> list[int]:
            """How large."""
            return []

        size.__name__, size.__module__ = name, module
        assert len(coordinates.wrong_resolvers(box_schema(size))) == violations

    def test_missing_files_and_plural_names_break_the_law(self, tmp_path: Path):
        present = dict.fromkeys(("db/box.py", "loaders/box.py", "schema/box.py"), "")
        tree = write(tmp_path, {**present, "resolvers/boxes.py": "", "loaders/crate.py": ""})
        assert coordinates.missing_files(tree, ["box"]) == [
            "resolvers/box.py is missing",
            "resolvers/boxes.py is a plural",
            "loaders/crate.py has no db/crate.py",
        ]

    def test_loaders_of_other_names_break_the_law(self, tmp_path: Path):
        async def box_by_id(connection: Any, keys: Any) -> list[int]:
            return []

        class Named(LoaderSet):
            box = loads(box_by_id, reach=Reach.PAGE)

        assert coordinates.wrong_loaders(Named) == [
            "box is loaded by box_by_id",
            "box is loaded in tests.laws.test_coordinates",
        ]
        tree = write(tmp_path, {"loaders/box.py": "async def boxes(connection, keys): ..."})
        assert len(coordinates.unnamed_loaders(tree)) == 1


class TestRows:
    @pytest.mark.parametrize("layer", ["resolvers", "loaders", "db"])
    def test_import_of_strawberry_breaks_the_law(self, tmp_path: Path, layer: str):
        tree = write(tmp_path, {f"{layer}/a.py": "from strawberry import ID"})
        assert storage.wrong_libraries(tree) == [f"{layer}/a.py:1: imports strawberry"]

    @pytest.mark.parametrize("options", ["", ", kw_only=True", ", frozen=False"])
    def test_mutable_row_breaks_the_law(self, tmp_path: Path, options: str):
        text = f"class BoxRow(msgspec.Struct{options}): ..."
        assert len(rows.unfrozen_rows(write(tmp_path, {"db/a.py": text}))) == 1

    def test_resolver_without_a_return_annotation_breaks_the_law(self):
        async def size(boxes: Any, info: Info):
            """How large."""

        assert rows.unread_rows(box_schema(size)) == ["Box.size does not say what it gives"]

    def test_column_missing_from_its_row_breaks_the_law(self):
        async def size(boxes: Any, info: Info) -> list[int]:
            """How large."""
            return []

        schema = box_schema(size)
        definition = schema.type_map["Box"].extensions["strawberry-definition"]
        definition.origin.__weft_row__ = Node
        assert rows.unread_rows(schema) == []
        definition.origin.__weft_row__ = int
        assert rows.unread_rows(schema) == ["Box.id is not on int"]
