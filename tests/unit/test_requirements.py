"""The locks are current: what pyproject.toml wants is what they name. `make lock` makes them. No network is needed."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.unit.requirement_files import ENVIRONMENTS, ROOT, Pin, inputs, pins, project, wanted

FORMATS = ("heic", "jxl", "raw")
LOCKS = {
    "build.txt": inputs("build.in"),
    "run.txt": wanted(*FORMATS),
    "dev.txt": [*wanted(*project()["optional-dependencies"].keys() - {"peers"}), *inputs("build.in")],
    "tools.txt": inputs("tools.in"),
}
SHA256 = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@pytest.fixture(params=LOCKS)
def lock(request):
    return request.param


def test_every_pin_has_hashes_and_none_names_an_index(lock):
    for name, pin in pins(lock).items():
        assert pin.hashes, name
        assert all(SHA256.fullmatch(each) for each in pin.hashes), name
    assert "://" not in (ROOT / "requirements" / lock).read_text()


def test_what_is_wanted_is_pinned_everywhere(lock):
    found = pins(lock)
    for environment in ENVIRONMENTS:
        for requirement in LOCKS[lock]:
            if requirement.marker is None or requirement.marker.evaluate(environment):
                check(requirement, found, environment)


@pytest.mark.parametrize("part", ["build.txt", "run.txt"])
def test_a_part_has_the_pins_of_the_whole(part):
    whole = pins("dev.txt")
    for name, pin in pins(part).items():
        assert (pin.version, pin.hashes) == (whole[name].version, whole[name].hashes), name


@pytest.mark.parametrize("lock", ["build.txt", "run.txt", "dev.txt"])
def test_what_they_want_in_turn_is_pinned_and_nothing_else(lock):
    """For this Python on this machine, whose packages say what they want."""
    here = {"extra": ""}
    found = pins(lock)
    reached = set()
    for requirement in reach(LOCKS[lock]):
        check(requirement, found, here)
        reached.add(canonicalize_name(requirement.name))
    assert reached == {name for name, pin in found.items() if pin.applies(here)}


def check(requirement: Requirement, found: dict[str, Pin], environment: dict[str, str]) -> None:
    pin = found.get(canonicalize_name(requirement.name))
    assert pin is not None, f"{requirement} is not in the lock: make lock"
    assert pin.applies(environment), f"{requirement} is not in the lock for {environment}: make lock"
    assert requirement.specifier.contains(pin.version, prereleases=True), (
        f"{requirement} is not {pin.version}: make lock"
    )


def reach(requirements: Iterable[Requirement]) -> Iterator[Requirement]:
    """Those that apply here, and what they want in turn, as the installed packages say."""
    waiting, seen = list(requirements), set()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen or not applies(requirement, ""):
            continue
        seen.add(str(requirement))
        yield requirement
        for line in wants(requirement.name):
            wanted = Requirement(line)
            if any(applies(wanted, extra) for extra in ("", *requirement.extras)):
                waiting.append(without_extra(wanted))


def wants(name: str) -> list[str]:
    try:
        return importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not installed: make venv")


def applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def without_extra(requirement: Requirement) -> Requirement:
    requirement.marker = None
    return requirement
