"""jobs, job, failed, plan, pause and resume, as their users call them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filterfleet.app import app
from filterfleet.commands.looking import instant
from filterfleet.common.errors import FleetError
from filterfleet.common.process.command import guarded
from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener.core.books import Attempt
from filterfleet.listener.core.order import Pause
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.orders.box import Box
from filterfleet.listener.state import PRIVATE
from tests.integration.harness import Fleet, count_done, ledger_rows, wait_until

HOSTILE = "<b>\x1b[2J\u202egpj.exe\udcff.jpg"
ESCAPED = r"<b>\x1b[2J\u202egpj.exe\xff.jpg"
V1 = Version(100, 1)
DAY = 86400.0


@pytest.fixture
def call(capsys) -> Callable[..., tuple[int, str, str]]:
    """Runs a command here: its exit code, what it prints, and what it says on standard error."""

    def call(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            guarded(lambda: app([str(word) for word in words]))
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


@pytest.fixture
def output(tmp_path) -> Path:
    """That of a listener that is down. One image is done, one has failed, one is pending."""
    ledger = Ledger(tmp_path / "out" / PRIVATE / "ledger.sqlite3", str(tmp_path / "in"), "r1")
    for path in ("done.jpg", HOSTILE, "pending.jpg"):
        ledger.add(path, V1, fresh=False)
    report = {"width": 3, "height": 2, "decode": 0.1, "filter": 0.2, "encode": 0.3, "worker": "host\x1b/1"}
    result = Result(bytes.fromhex("abcdef123456" + "00" * 58), (OutputFile("edges", "png", 7),), report)
    ledger.done("done.jpg", V1, result, engine="cluster", write=0.5, turnaround=1.6)
    ledger.failed(
        HOSTILE, V1, "The file is \x1bcut off.", transient=False, attempt=Attempt(b"\x01" * 64, "host/2", 2.0)
    )
    ledger.skip("skipped.jpg", V1)
    ledger.leave_alone({".txt": 2})
    ledger.commit()
    ledger.close()
    return tmp_path / "out"


DOWN = "No listener is running here: this is what the ledger says.\n"


def test_jobs_are_listed_while_the_listener_is_down(call, output):
    code, said, err = call("jobs", "--output", output)
    assert (code, err.startswith(DOWN)) == (0, True)
    assert err.endswith("In all 1 pending, 1 done, 1 failed, 1 skipped, 2 left alone.\n")
    assert "\x1b" not in said
    assert r"The file is \x1bcut off." in said
    lines = [line.split() for line in said.splitlines()[1:]]
    assert {(line[2], line[3]) for line in lines if line[2] != "pending"} == {
        ("done", "abcdef123456"),
        ("failed", "010101010101"),
    }
    assert ESCAPED in said


@pytest.mark.parametrize(
    ("words", "paths"),
    [
        (("--state", "done"), ["done.jpg"]),
        (("--state", "skipped"), ["skipped.jpg"]),
        (("--path", "DONE"), ["done.jpg"]),
        (("--reason", "cut off"), [HOSTILE]),
        (("--since", "1h", "--state", "failed"), [HOSTILE]),
        (("--since", "2099-01-01"), []),
    ],
)
def test_jobs_are_chosen(call, output, words, paths):
    code, said, _ = call("jobs", "--output", output, "--json", *words)
    found = json.loads(said)
    assert (code, [job["path"] for job in found["jobs"]]) == (0, paths)
    assert (found["listener_runs"], found["paused"], found["counts"]["skipped"]) == (False, None, 1)


def test_a_list_goes_on_behind_its_key(call, output):
    paths: list[str] = []
    key: tuple[str, ...] = ()
    for _ in range(4):
        found = json.loads(call("jobs", "--state", output / PRIVATE, "--limit", 1, "--json", *key)[1])
        paths += [job["path"] for job in found["jobs"]]
        key = ("--before", found["before"])
        if found["before"] is None:
            break
    assert sorted(paths) == sorted(["done.jpg", HOSTILE, "pending.jpg"])


def test_one_job_is_told_by_its_id_its_path_and_its_file(call, output, tmp_path):
    for name in ("abcdef12", "done.jpg", tmp_path / "in" / "done.jpg"):
        code, said, err = call("job", name, "--output", output)
        assert (code, err) == (0, DOWN)
        assert "done.jpg: done since" in said
        for part in ("abcdef123456", "edges/done.jpg.png", "decode       0.100 s", r"host\x1b/1"):
            assert part in said, said
    story = json.loads(call("job", HOSTILE, "--output", output, "--json")[1])["story"]
    assert (story["job"]["state"], story["attempts"][0]["reason"]) == ("failed", "The file is \x1bcut off.")


def test_failures_are_shown_by_reason(call, output):
    code, said, _ = call("failed", "--output", output)
    assert code == 0
    assert said.splitlines()[1].startswith(rf"1       The file is \x1bcut off.  {ESCAPED}")
    found = json.loads(call("failed", "--output", output, "--json")[1])
    assert [(row["n"], row["path"]) for row in found["reasons"]] == [(1, HOSTILE)]


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_an_order_waits_for_a_listener(call, output, tmp_path, command):
    code, said, _ = call(command, "--output", output)
    assert (code, said) == (0, "No listener is running: the order is carried out when one starts.\n")
    ((_, order),) = Box(output / PRIVATE, str(tmp_path / "in")).take()
    assert isinstance(order, Pause) == (command == "pause")


SENTENCES = [
    (("jobs",), "Say which listener is meant"),
    (("jobs", "--output", "{}", "--since", "yesterday"), "--since takes a time such as 90m, 2h, 7d"),
    (("jobs", "--output", "{}", "--before", "x"), "This is not the key of a page"),
    (("jobs", "--state", "done", "--state", "failed"), "--state takes one state and one folder at most"),
    (("job", "nothing", "--output", "{}"), "The ledger knows no image nothing"),
    (("failed", "--output", "nowhere"), "There is no ledger"),
    (("pause", "--output", "{}", "--source", "/none"), "This ledger knows no source /none"),
    (("plan", "--source", "nowhere", "--output", "{}"), "The source folder nowhere does not exist"),
]


@pytest.mark.parametrize(
    ("words", "sentence"), SENTENCES, ids=lambda value: value[0] if isinstance(value, tuple) else ""
)
def test_bad_input_is_one_sentence(call, output, words, sentence):
    code, said, err = call(*(word.format(output) for word in words))
    assert (code, said) == (2, "")
    assert err.startswith(f"filterfleet: {sentence}")
    assert "Traceback" not in err


def test_times_are_as_people_write_them():
    now = time.time()
    for text, ago in (("90s", 90), ("90m", 5400), ("2h", 7200), ("7d", 7 * DAY), ("1w", 7 * DAY)):
        assert instant(text) == pytest.approx(now - ago, abs=30)
    assert instant("2026-11-28T14:30+00:00") == 1795876200.0
    for text in ("", "h", "-1h", "2026-13-01", "1e9d", "99999999999999d"):
        with pytest.raises(FleetError, match="--since takes a time"):
            instant(text)


def test_a_plan_changes_nothing(call, photographs, tmp_path):
    source, output = photographs(2, 20, 30), tmp_path / "planned"
    (source / "notes.txt").write_text("no image")
    code, said, _ = call("plan", "--source", source, "--output", output)
    assert code == 0
    assert said.startswith("2 images would be processed:\n          2  new: ")
    assert "1 file was left alone: 1 .txt." in said
    assert not output.exists()
    found: dict[str, Any] = json.loads(call("plan", "--source", source, "--output", output, "--json")[1])
    assert (found["new"]["images"], found["polling"], found["left_alone"]) == (2, None, {".txt": 1})


@pytest.mark.slow
def test_a_listener_is_paused_and_resumed(fleet: Fleet, call, photographs, tmp_path):
    source, output, later = tmp_path / "in", tmp_path / "out", photographs(3, 40, 60)
    source.mkdir()
    first, second, third = sorted(later.rglob("*.jpg"))
    shutil.copy(first, source)
    fleet.start_broker()
    fleet.start_worker()
    quick = ("--settle", "0", "--interval", "0.3")
    listener = fleet.start_listener(source, output, *quick)
    wait_until(lambda: (output / PRIVATE / "ledger.sqlite3").exists() and count_done(output) == 1, what="a result")
    assert call("pause", "--output", output)[1] == "It begins nothing new from now on.\n"
    assert call("pause", "--output", output)[1] == "It was paused already.\n"
    shutil.copy(second, source)
    wait_until(lambda: ledger_rows(output, "SELECT 1 FROM objects WHERE state = 'pending'"), what="the second image")
    listener.kill()
    listener = fleet.start_listener(source, output, *quick)
    wait_until(lambda: "paused" in listener.said, what="the new listener")
    shutil.copy(third, source)
    wait_until(lambda: len(ledger_rows(output, "SELECT 1 FROM objects WHERE state = 'pending'")) == 2, what="the third")
    assert count_done(output) == 1
    code, said, err = call("jobs", "--output", output, "--state", "pending")
    assert (code, len(said.splitlines())) == (0, 3)
    assert "`filterfleet resume` goes on" in err
    assert "No listener" not in err
    assert call("resume", "--output", output)[1] == "It goes on.\n"
    wait_until(lambda: count_done(output) == 3, what="all results")
    (id_,) = {
        job["id"] for job in json.loads(call("jobs", "--output", output, "--path", second.name, "--json")[1])["jobs"]
    }
    assert f"{second.name}: done" in call("job", id_, "--output", output)[1]
    listener.terminate()
    assert listener.wait() == 0
