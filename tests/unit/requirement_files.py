"""The locks in requirements/: which versions and hashes they name, and for whom."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ROOT / "requirements"

_PIN = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)(?: ; (?P<marker>[^\\]+?))?(?P<hashes>(?: \\\n +--hash=\S+)+)"
)

# The machines that the locks are for, as markers see them.
ENVIRONMENTS = [
    {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": platform,
        "platform_system": {"linux": "Linux", "darwin": "Darwin"}[platform],
        "platform_machine": machine,
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    for python in ("3.11", "3.12", "3.13", "3.14")
    for platform, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))
]


@dataclass(frozen=True)
class Pin:
    version: str
    hashes: frozenset[str]
    marker: str | None

    def applies(self, environment: dict[str, str]) -> bool:
        return self.marker is None or Marker(self.marker).evaluate(environment)


def pins(lock: str) -> dict[str, Pin]:
    """The pins of a lock by name. Asserts that it has nothing but comments and pins with hashes."""
    text = "".join(line for line in (LOCKS / lock).read_text().splitlines(keepends=True) if not line.startswith("#"))
    found = {}
    for match in _PIN.finditer(text):
        assert match["name"] not in found
        found[match["name"]] = Pin(match["version"], frozenset(match["hashes"].split()) - {"\\"}, match["marker"])
    assert not _PIN.sub("", text).strip(), "a lock has pins and nothing else"
    return found


def project() -> dict[str, Any]:
    """The table [project] of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def wanted(*extras: str) -> list[Requirement]:
    """What the project wants, with these extras. An extra may name others."""
    table = project()
    found = []
    for line in [*table["dependencies"], *(each for extra in extras for each in table["optional-dependencies"][extra])]:
        requirement = Requirement(line)
        if canonicalize_name(requirement.name) == table["name"]:
            found += wanted(*requirement.extras)
        else:
            found.append(requirement)
    return found


def inputs(file: str) -> list[Requirement]:
    lines = (LOCKS / file).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]
