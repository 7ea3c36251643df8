"""Checks the dependencies for known vulnerabilities: python -m tests.audit.dependencies."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PIP_AUDIT = Path(sys.executable).parent / "pip-audit"
SECONDS = 60
OUTCRY = "THE DEPENDENCIES WERE NOT AUDITED: the data of pip-audit cannot be reached.\n"


def findings(report: dict[str, Any]) -> tuple[int, list[str]]:
    """Returns how many packages were looked up, and a line for each known vulnerability."""
    audited = [package for package in report["dependencies"] if "vulns" in package]
    return len(audited), [
        f"{package['name']} {package['version']}: {found['id']}, mended in {found['fix_versions']}"
        for package in audited
        for found in package["vulns"]
    ]


def main() -> int:
    command = [PIP_AUDIT, "--skip-editable", "--progress-spinner", "off", "--format", "json"]
    try:
        printed = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SECONDS
        ).stdout
        audited, known = findings(json.loads(printed))
    except (subprocess.TimeoutExpired, ValueError):
        audited, known = 0, []
    if not audited:
        sys.stderr.write(OUTCRY)
    sys.stderr.writelines(f"{line}\n" for line in known)
    return 1 if known else 0


if __name__ == "__main__":
    sys.exit(main())
