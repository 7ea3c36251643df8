"""The packages that `uv.lock` installs on a machine, and whether they have wheels for it."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

GLIBC = 28
"""Linux with glibc 2.28 or newer: Debian 10, Ubuntu 20.04, RHEL 8."""

MACOS = (13, 0)


@dataclass(frozen=True)
class Machine:
    """A kind of machine with one minor version of CPython 3."""

    system: str
    processor: str
    minor: int

    def platforms(self) -> list[str]:
        """Returns the platform tags of wheels that run here, in no particular order."""
        if self.system == "darwin":
            return list(mac_platforms(MACOS, self.processor))
        names = [f"manylinux_2_{minor}" for minor in range(5, GLIBC + 1)]
        names += ["linux", "manylinux1", "manylinux2010", "manylinux2014"]
        return [f"{name}_{self.processor}" for name in names]

    def tags(self) -> set[Tag]:
        """Returns the tags of wheels that this machine can install."""
        python, platforms = (3, self.minor), self.platforms()
        own = cpython_tags(python, platforms=platforms, abis=[f"cp3{self.minor}"])
        return {*own, *compatible_tags(python, f"cp3{self.minor}", platforms)}

    def environment(self) -> dict[str, str]:
        """Returns the environment that markers are evaluated in."""
        return {
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "os_name": "posix",
            "sys_platform": self.system,
            "platform_system": {"linux": "Linux", "darwin": "Darwin"}[self.system],
            "platform_machine": self.processor,
            "python_version": f"3.{self.minor}",
            "python_full_version": f"3.{self.minor}.0",
            "extra": "",
        }


class Lock:
    """The packages of an `uv.lock`."""

    def __init__(self, path: Path) -> None:
        self._packages: list[dict[str, Any]] = tomllib.loads(path.read_text())["package"]

    def installed(self, machine: Machine, groups: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Returns the packages that a machine gets: the project's dependencies and the groups'."""
        (project,) = (found for found in self._packages if "editable" in found["source"])
        wanted = [*project["dependencies"]]
        for group in groups:
            wanted += project["dev-dependencies"][group]
        found: list[dict[str, Any]] = []
        seen: set[tuple[str, str]] = set()
        while wanted:
            dependency = wanted.pop()
            marker = dependency.get("marker")
            if marker is not None and not Marker(marker).evaluate(machine.environment()):
                continue
            package = self._package(dependency, machine)
            if package not in found:
                found.append(package)
            for name, needs in self._needs(package, dependency):
                if (package["name"], name) not in seen:
                    seen.add((package["name"], name))
                    wanted += needs
        return found

    def _package(self, dependency: dict[str, Any], machine: Machine) -> dict[str, Any]:
        """Returns the locked package; of several versions, the one for this machine."""
        (package,) = (
            package
            for package in self._packages
            if package["name"] == dependency["name"]
            and package["version"] == dependency.get("version", package["version"])
            and any(
                Marker(marker).evaluate(machine.environment())
                for marker in package.get("resolution-markers", ["python_version > '3'"])
            )
        )
        return package

    @staticmethod
    def _needs(
        package: dict[str, Any], dependency: dict[str, Any]
    ) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        yield "", package.get("dependencies", [])
        for extra in dependency.get("extra", ()):
            yield extra, package.get("optional-dependencies", {}).get(extra, [])


def has_wheel(package: dict[str, Any], tags: set[Tag]) -> bool:
    """Whether one of the package's wheels has one of the tags."""
    urls: list[str] = [wheel["url"] for wheel in package.get("wheels", ())]
    return any(not tags.isdisjoint(_tags_of(url)) for url in urls)


@cache
def _tags_of(url: str) -> frozenset[Tag]:
    return parse_wheel_filename(url.rpartition("/")[2])[3]
