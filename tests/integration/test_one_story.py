"""One image is followed by the id of its job through the logs of all daemons."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

from filterfleet.common.process.ports import free_ports
from filterfleet.listener.state import PRIVATE
from tests.conftest import MakePhotographs
from tests.integration.harness import Processes

Row = dict[str, Any]


def short(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def rows_of(logs: Path) -> list[Row]:
    lines = [line for log in sorted(logs.iterdir()) for line in log.read_text().splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")]  # a listener ends with a report for people


def story(rows: list[Row], job: str) -> dict[str, Row]:
    """The line that each role has about this job."""
    about = [row for row in rows if row.get("job") == job]
    found = {row["role"]: row for row in about}
    assert len(found) == len(about), "one line each"
    return found


def test_an_image_is_followed_through_all_logs(processes: Processes, photographs: MakePhotographs, tmp_path: Path):
    source, output, keys = tmp_path / "in", tmp_path / "out", tmp_path / "keys"
    (source / "trip").mkdir(parents=True)
    good, bad = source / "trip/good.jpg", source / "trip/bad.jpg"
    shutil.copy(next(photographs(3, 60, 90).rglob("*.jpg")), good)
    bad.write_bytes(good.read_bytes()[:200])
    assert processes.run("keys", keys)[0] == 0
    frontend, backend = free_ports()
    options = ("--frontend-port", frontend, "--backend-port", backend, "--settle", 0, "--workers", 1, "--keys", keys)
    told = ("--log-format", "json", "--log-images")
    code, said = processes.run("up", "--source", source, "--output", output, "--once", *options, *told)
    assert code == 1, said

    rows = rows_of(output / PRIVATE / "logs")
    failed, done = story(rows, short(bad)), story(rows, short(good))
    assert {role: row["event"] for role, row in failed.items()} == {
        "worker": "image failed",
        "broker": "dead_lettered",
        "listener": "image failed",
    }
    assert len({row["reason"] for row in failed.values()}) == 1
    assert {role: row["event"] for role, row in done.items()} == dict.fromkeys(failed, "image done")
    for told_of, path in ((failed, "trip/bad.jpg"), (done, "trip/good.jpg")):
        (worker,) = {row["worker"] for row in told_of.values()}
        assert re.fullmatch(r".+/\d+", worker)
        assert told_of["listener"]["path"] == path

    secrets = [re.search(r'secret-key = "(.{40})"', file.read_text()) for file in keys.rglob("*.key_secret")]
    assert len(secrets) >= 3
    everything = said + "".join(log.read_text() for log in (output / PRIVATE / "logs").iterdir())
    assert not [secret for secret in secrets if secret is None or secret[1] in everything]
