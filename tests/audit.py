"""Whether any package that requirements/run.txt pins has a known vulnerability: python -m tests.audit PIP_AUDIT.

A vulnerability is an error. That nobody can be asked about them is a sentence and no error.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.unit.requirement_files import LOCKS

PATIENCE = 120.0  # seconds

# Vulnerabilities that do not concern us, with the reason.
HARMLESS: dict[str, str] = {}


def main() -> None:
    program = sys.argv[1]
    asked = ("--requirement", str(LOCKS / "run.txt"), "--disable-pip", "--require-hashes")
    try:
        done = subprocess.run(
            [program, *asked, "--format", "json", "--progress-spinner", "off"],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        code, said = verdict(done.stdout)
    except subprocess.TimeoutExpired:
        code, said = verdict("")
    print(said)
    raise SystemExit(code)


def verdict(report: str) -> tuple[int, str]:
    """The exit code and a sentence. report: what pip-audit prints as JSON, or nothing if it could not."""
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return 0, "Vulnerabilities were not looked up: nobody answers who knows of them."
    known = [package for package in packages if "vulns" in package]
    if not known:
        return 0, "Vulnerabilities were not looked up: who answers here knows none of the packages."
    found = [
        f"{package['name']} {package['version']}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'none'}"
        for package in known
        for one in package["vulns"]
        if one["id"] not in HARMLESS
    ]
    if found:
        remedy = "take a mended version with `make lock`, or say in tests/audit.py why it does not concern us"
        return 1, "\n".join([*found, f"{len(found)} known vulnerabilities in requirements/run.txt: {remedy}."])
    return 0, f"{len(known)} of {len(packages)} packages were looked up: none has a known vulnerability."


if __name__ == "__main__":
    main()
