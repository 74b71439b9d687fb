"""Two machines without anything become a fleet with keys, by the commands of docs/operations.md as they stand there."""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.cable import needs_root
from tests.chaos.lan import Lan
from tests.systemd.conftest import Box, install_program, needed

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = sorted((ROOT / "filterfleet/demo/photos").glob("*.*g"))
SECTION = "### Several machines"
MOST = 6  # commands

pytestmark = [pytest.mark.slow, needs_root]


def commands() -> Iterator[tuple[str, list[str]]]:
    """The machine and the words of each command of the section."""
    text = (ROOT / "docs/operations.md").read_text().split(f"\n{SECTION}\n")[1].split("\n### ")[0]
    for machine, part in ((before.rsplit("On `", 1)[-1].split("`")[0], part) for before, part in _blocks(text)):
        for line in part.replace("\\\n", " ").splitlines():
            yield machine, shlex.split(line, comments=True)


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    before, *rest = text.split("```sh\n")
    for part in rest:
        body, _, after = part.partition("```\n")
        yield before, body
        before = after


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[dict[str, Box]]:
    """On each, filterfleet is installed and nothing runs."""
    binds, python = needed(tmp_path)
    with contextlib.ExitStack() as stack:
        lan = stack.enter_context(contextlib.closing(Lan("hub", "desk", first="192.168.1.10")))
        made = {}
        for name, host in lan.hosts.items():
            (tmp_path / name).mkdir()
            made[name] = stack.enter_context(Box(tmp_path / name, binds, host.namespace))
            install_program(made[name], python)
        yield made


def test_two_machines_become_a_fleet_with_keys(machines: dict[str, Box]) -> None:
    steps = list(commands())
    assert {machine for machine, _ in steps} == {*machines}
    assert len(steps) <= MOST
    for machine, words in steps:
        assert words[0] == "sudo"
        if words[1] == "scp":  # there is no other way from box to box
            target, _, folder = words[3].partition(":")
            assert folder == ""
            shutil.copy(machines[machine].root / words[2].lstrip("/"), machines[target].root / "root")
        else:
            machines[machine].run("sh", "-c", f"cd /root && {shlex.join(words[1:])}")

    hub, desk = machines["hub"], machines["desk"]
    for photo in PHOTOS:
        shutil.copy(photo, hub.root / "srv/filterfleet/in")
    edges = hub.root / "srv/filterfleet/out/edges"
    hub.wait_until(lambda: edges.is_dir() and len(list(edges.iterdir())) == len(PHOTOS), "the results", 90)
    at = ("--broker", "192.168.1.10", "--keys", "/etc/filterfleet/keys")
    (worker,) = json.loads(hub.run("/opt/filterfleet/bin/filterfleet", "status", "--json", *at))["workers"]
    assert worker["name"] == "desk"
    assert worker["address"].startswith("192.168.1.11")
    for box, unit in ((hub, "broker"), (hub, "listener"), (desk, "worker")):
        assert box.run("stat", "--format=%u", f"/proc/{box.show(f'filterfleet-{unit}', 'MainPID')}") != "0"
        assert box.run("systemctl", "is-enabled", "filterfleet.target") == "enabled"
    left = [
        file
        for box in machines.values()
        for file in (*box.root.glob("root/*.join"), *box.root.glob("etc/filterfleet/keys/machines/*.join"))
    ]
    assert left == [], "nobody has a copy of the keys"
