"""Images by reference with real processes: a sandboxed worker, a fleet with and without shares, and the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import MakePhotographs
from tests.integration.harness import Fleet, Processes, check_ledger, check_outputs, expected_outputs, wait_until
from tests.integration.test_sandbox import needs_landlock

ATTEMPTS = """
import json, os, sys
from filterfleet.common.shares.names import parse_shares
from filterfleet.common.shares.room import make_room, make_secret, secret_of
from filterfleet.worker.sandbox.confinement import enter

lab, cards, outside = sys.argv[1:]
shares = parse_shares([f"lab={lab}", f"cards={cards}:ro"])
make_room(shares["lab"])
make_secret(shares["lab"])
room = f"{lab}/.filterfleet/share"
said = enter([], shares.values())
found = {"said": said}

def attempt(name, action):
    try:
        action()
        found[name] = "done"
    except OSError as error:
        found[name] = type(error).__name__

attempt("read", lambda: open(f"{lab}/a.png").read())
attempt("read cards", lambda: open(f"{cards}/a.png").read())
attempt("read the secret", lambda: secret_of(shares["lab"]))
attempt("leave an output", lambda: open(f"{room}/new", "x").close())
attempt("remove it", lambda: os.unlink(f"{room}/new"))
attempt("write into the share", lambda: open(f"{lab}/new", "x"))
attempt("write into cards", lambda: open(f"{cards}/new", "x"))
attempt("change an image", lambda: open(f"{lab}/a.png", "r+"))
attempt("remove an image", lambda: os.unlink(f"{lab}/a.png"))
attempt("move an output out", lambda: (open(f"{room}/out", "x").close(), os.rename(f"{room}/out", f"{lab}/out")))
attempt("link an image in", lambda: os.link(f"{lab}/a.png", f"{room}/link"))
attempt("read what is beside it", lambda: open(f"{outside}/secret"))
attempt("read it by way of the share", lambda: open(f"{lab}/../{os.path.basename(outside)}/secret"))
attempt("read it by a link", lambda: open(f"{lab}/link"))
print(json.dumps(found))
"""
DONE = {"read", "read cards", "read the secret", "leave an output", "remove it"}


@needs_landlock
def test_a_sandboxed_worker_reads_its_shares_and_writes_only_into_their_rooms(tmp_path: Path) -> None:
    for name in ("lab", "cards", "outside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(b"")
    (tmp_path / "outside" / "secret").write_text("secret")
    (tmp_path / "lab" / "link").symlink_to(tmp_path / "outside" / "secret")
    folders = [str(tmp_path / name) for name in ("lab", "cards", "outside")]
    (spool := tmp_path / "spool").mkdir()
    ended = subprocess.run(
        [sys.executable, "-P", "-c", ATTEMPTS, *folders],
        env=os.environ | {"TMPDIR": str(spool)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert "Landlock" in found.pop("said")
    assert {name for name, outcome in found.items() if outcome == "done"} == DONE
    assert sorted(path.name for path in (tmp_path / "lab").iterdir()) == [".filterfleet", "a.png", "link"]


def test_a_fleet_of_which_one_worker_sees_the_share(fleet: Fleet, photographs: MakePhotographs, tmp_path: Path) -> None:
    """The other one gets its images in messages, and both give the same files."""
    lab = tmp_path / "lab"
    source, output = lab / "in", lab / "out"
    source.mkdir(parents=True)
    for number, photograph in enumerate(sorted(photographs(12, 60, 120).rglob("*.*"))):
        (source / f"{number}{photograph.suffix}").write_bytes(photograph.read_bytes())
    fleet.start_broker()
    seeing = fleet.start_worker("--share", f"lab={lab}")
    blind = fleet.start_worker("--share", f"lab={tmp_path}/missing")
    fleet.wait_for_workers(2)
    listener = fleet.start_listener(source, output, "--share", f"lab={lab}", "--once")
    assert listener.wait() == 0
    assert "images by reference" in listener.said
    assert "a share cannot be used" in blind.said
    assert "make or mount it" in blind.said
    assert "comes by value" not in seeing.said
    check_outputs(output, expected_outputs(source))
    check_ledger(output, 12)
    assert (lab / ".filterfleet" / "share" / "key").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_share_that_only_has_the_same_name_is_noticed(
    fleet: Fleet, photographs: MakePhotographs, tmp_path: Path
) -> None:
    source, output = photographs(4, 60, 120), tmp_path / "out"
    (tmp_path / "other").mkdir()
    fleet.start_broker()
    worker = fleet.start_worker("--share", f"in={tmp_path}/other:ro", "--share", f"out={tmp_path}/other")
    listener = fleet.start_listener(source, output, "--share", f"in={source}:ro", "--share", f"out={output}", "--once")
    assert listener.wait() == 0
    wait_until(lambda: "an image comes by value" in worker.said, what="a line about the share")
    check_outputs(output, expected_outputs(source))


@pytest.mark.slow
def test_up_moves_no_image_and_keeps_nothing(
    processes: Processes, photographs: MakePhotographs, tmp_path: Path
) -> None:
    source, output = photographs(4, 60, 120), tmp_path / "out"
    code, said = processes.run("up", "--once", "--source", source, "--output", output, "--workers", 1)
    assert code == 0, said
    logs = output / ".filterfleet" / "logs"
    assert "images by reference" in (logs / "listener.log").read_text()
    assert "by value" not in (logs / "worker-1.log").read_text()
    check_outputs(output, expected_outputs(source))
    assert [*(output / ".filterfleet" / "exchange" / ".filterfleet" / "share").rglob("*-*")] == []
    assert sorted(source.rglob(".*")) == []


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("worker", "--share", "lab"), "--share lab is not NAME=DIR"),
        (("run", "in", "out", "--engine", "threads", "--share", "lab=/x"), "--share is not for the engine threads"),
    ],
)
def test_a_mistake_in_the_option_is_one_sentence(processes: Processes, command: tuple[str, ...], sentence: str) -> None:
    code, said = processes.run(*command)
    assert code == 2
    assert sentence in " ".join(said.split())
    assert "Traceback" not in said
