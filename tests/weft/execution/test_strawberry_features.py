"""`docs/strawberry.md`: every row of its tables has a check here, and every check its row."""

import dataclasses
import inspect
import re
from importlib.metadata import version

import pytest
import strawberry
from strawberry import extensions
from strawberry.extensions import tracing
from strawberry.schema.config import StrawberryConfig

from tests.docs.pages import CHECKOUT, rows
from tests.weft.execution import (
    features_of_execution,
    features_of_extensions,
    features_of_fields,
    features_of_options,
    features_of_types,
)
from tests.weft.execution.features import FEATURES

MODULES = (
    features_of_types,
    features_of_fields,
    features_of_extensions,
    features_of_options,
    features_of_execution,
)
"""They declare the features as they are imported."""
PAGE = (CHECKOUT / "docs" / "strawberry.md").read_text()


class TestFeature:
    @pytest.mark.filterwarnings("ignore:Federation directive")
    @pytest.mark.parametrize("name", sorted(FEATURES))
    async def test_works_as_the_page_says(self, name: str) -> None:
        _, check = FEATURES[name]
        await check()


class TestPage:
    def test_page_is_about_the_installed_version(self) -> None:
        release = version("strawberry-graphql").rpartition(".")[0]
        assert f"features of Strawberry {release} work" in PAGE

    def test_page_has_a_row_for_each_check_and_a_check_for_each_row(self) -> None:
        told = {name: works for name, works, _ in rows(PAGE)}
        assert told == {name: works for name, (works, _) in FEATURES.items()}
        assert len(told) == len(rows(PAGE))

    def test_names_every_feature_that_strawberry_has(self) -> None:
        parameters = list(inspect.signature(strawberry.Schema.__init__).parameters)[4:]
        options = [option.name for option in dataclasses.fields(StrawberryConfig)]
        parameters.remove("config")  # its options are named
        expected = [
            *(f"strawberry.{name}" for name in strawberry.__all__),
            *(name.removesuffix("Sync") for name in tracing.__all__),
            *extensions.__all__,
            *(f"{name}=" for name in parameters),
            *(f"config.{name}" for name in options if not name.startswith("_")),
        ]
        assert len(expected) > 60
        assert [name for name in expected if not re.search(rf"`{name}\b|`{name}`", PAGE)] == []
