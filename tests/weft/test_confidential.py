"""Classes that hold a secret never show it, in any log or message."""

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import rich.pretty

PACKAGES = ("weft", "db", "loaders", "resolvers")
SECRET = re.compile(r"(password|token|secret|hash|digest|email|smtp|database_url)$")
HIDDEN = "what nobody may see"


def classes() -> Iterator[type]:
    """Yields all classes of the server, except those of `schema`, which hold no values."""
    for package in PACKAGES:
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            if ".migrations" not in module.name:
                for value in vars(importlib.import_module(module.name)).values():
                    if isinstance(value, type) and value.__module__ == module.name:
                        yield value


def fields_of(kind: type) -> list[str]:
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind) if field.init]
    if issubclass(kind, tuple):
        return list(getattr(kind, "_fields", ()))
    return list(kind.__struct_fields__) if issubclass(kind, msgspec.Struct) else []


HOLDERS = [kind for kind in classes() if any(map(SECRET.search, fields_of(kind)))]


@pytest.mark.parametrize("kind", HOLDERS, ids=lambda kind: kind.__name__)
def test_holder_of_secrets_hides_them(kind: Any) -> None:
    held = kind(
        **{
            name: HIDDEN if SECRET.search(name) else f"a value of {name}"
            for name in fields_of(kind)
        }
    )
    for shown in (repr(held), str(held), f"{[held]}", rich.pretty.pretty_repr(held)):
        assert HIDDEN not in shown


def test_holders_are_found() -> None:
    names = {kind.__name__ for kind in HOLDERS}
    assert {"SignIn", "Credentials", "UserRow", "Verification", "EmbeddedServers"} <= names
