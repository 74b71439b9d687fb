"""`filterfleet doctor` finds what somebody has broken, says so, and says what to do."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from filterfleet.app import app
from filterfleet.common.client import asking
from filterfleet.common.client.asking import Answer
from filterfleet.common.keys.folders import Role
from filterfleet.common.keys.making import add_machine, make_broker_folder
from filterfleet.common.process.ports import free_ports
from filterfleet.common.process.system import VERSION
from filterfleet.doctor.brokers import about, check_brokers, check_ports
from filterfleet.doctor.finding import Finding, Level
from filterfleet.doctor.keys import check_keys
from filterfleet.doctor.listening import listener_on

OK, WARNING, PROBLEM = Level.OK, Level.WARNING, Level.PROBLEM


def levels(findings: Iterator[Finding]) -> list[Level]:
    return [finding.level for finding in findings]


# --- ports ----


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", free_ports().frontend)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_a_problem_and_says_who_has_it() -> None:
    with taken_port() as port:
        (finding,) = check_ports([port])
        assert finding.level is PROBLEM
        assert f"Port {port} is taken by process {os.getpid()}, " in finding.says
        assert "--frontend-port" in finding.do
    assert levels(check_ports([port])) == [OK]


def test_a_port_of_another_address_of_this_machine_may_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.2 stands for the address in the network: a program at 127.0.0.1 is not in the way there."""
    monkeypatch.setattr(asking, "PATIENCE", 0.1)
    with taken_port() as other, socket.create_server(("127.0.0.2", free_ports().frontend)) as server:
        port = server.getsockname()[1]
        broker, taken, free = check_brokers("127.0.0.2", port, other, None, expected=True)
        assert [broker.level, taken.level, free.level] == [PROBLEM, PROBLEM, OK]
        assert f"Port {port} is taken by process {os.getpid()}, " in taken.says


def test_a_port_of_somebody_else_s_process_is_taken_too(tmp_path: Path) -> None:
    table = tmp_path / "proc/net/tcp"
    table.parent.mkdir(parents=True)
    row = "   0: 0100007F:15B3 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 4711 1\n"
    table.write_text("  sl  local_address\n" + row.format(state="0A"))
    assert listener_on(5555, tmp_path) == ""
    assert listener_on(5556, tmp_path) is None
    table.write_text("  sl  local_address\n" + row.format(state="01"))  # a connection, and nobody listens
    assert listener_on(5555, tmp_path) is None


def test_a_port_that_the_user_may_not_have_is_not_said_to_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: socket.socket, _address: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket.socket, "bind", refuse)  # as the kernel does for a port below 1024, and not for root
    (finding,) = check_ports([1])
    assert finding.level is PROBLEM
    assert "This user may not listen on port" in finding.says


def test_a_machine_without_a_broker_is_told_at_once() -> None:
    found = list(check_brokers("127.0.0.1", *free_ports(), None, expected=False))
    assert [(one.check, one.level) for one in found] == [("broker", WARNING), ("ports", OK), ("ports", OK)]


# --- brokers ----


def answer(**report: object) -> Answer:
    return Answer("hub:5555", {"workers": [], "clock": 1000.0, **report}, heard_at=1000.0)


@pytest.mark.parametrize(
    ("clock", "level", "says"),
    [
        (1000.4, OK, "agrees"),
        (1010.0, WARNING, "10.0 s ahead of ours"),
        (990.0, WARNING, "10.0 s behind ours"),
        (4600.0, PROBLEM, "3600.0 s ahead of ours"),
    ],
)
def test_clocks_that_disagree(clock: float, level: Level, says: str) -> None:
    _, finding = about(answer(clock=clock), expected=True)
    assert (finding.check, finding.level) == ("clock", level)
    assert says in finding.says
    assert bool(finding.do) == (level is not OK)


@pytest.mark.parametrize("clock", [None, "now", 0.0, -1.0, math.nan, math.inf])
def test_a_broker_that_tells_no_time_is_not_blamed(clock: object) -> None:
    assert [one.check for one in about(answer(clock=clock), expected=True)] == ["broker"]


def test_workers_of_another_version_are_named() -> None:
    workers = [{"version": VERSION}, {"version": "0.0.9"}, {"version": ""}, "nonsense"]
    finding, _ = about(answer(workers=workers), expected=True)
    assert finding.level is WARNING
    assert f"Workers run version 0.0.9, this is {VERSION}." in finding.says


def test_peers_of_another_major_version_are_named() -> None:
    said = "the worker desk speaks PPX2, this broker PPX1: upgrade this broker"
    found = list(about(answer(versions=[said]), expected=True))
    assert [one.level for one in found] == [OK, WARNING, OK]
    assert said in found[1].says


@pytest.mark.parametrize(("expected", "level"), [(True, PROBLEM), (False, WARNING)])
def test_a_broker_that_does_not_answer(*, expected: bool, level: Level) -> None:
    silent = Answer("hub:5555", None, "No broker answers at hub:5555.")
    assert list(about(silent, expected=expected)) == [Finding("broker", level, silent.problem)]


# --- keys ----


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    make_broker_folder(folder)
    return folder


def test_keys_that_can_be_used(keys: Path) -> None:
    assert levels(check_keys(keys)) == [OK, OK, OK]
    handout = add_machine(keys, Role.WORKER, "desk")
    assert [(one.level, one.says) for one in check_keys(handout)] == [
        (OK, f"The key of a worker in {handout} can be used.")
    ]


def test_a_secret_that_others_can_read_is_a_problem(keys: Path) -> None:
    secret = keys / "worker.key_secret"
    secret.chmod(0o644)
    (finding,) = [one for one in check_keys(keys) if one.level is not OK]
    assert finding.level is PROBLEM
    assert f"chmod 600 {secret}" in finding.says


def test_a_folder_that_others_can_write_to_is_told_once_and_not_for_each_key_in_it(keys: Path) -> None:
    keys.chmod(0o777)
    (finding,) = check_keys(keys)
    assert f"chmod go-w {keys}" in finding.says


def test_a_listed_key_that_is_none_is_a_warning(keys: Path) -> None:
    (keys / "workers/desk.key").write_text("nothing")
    assert WARNING in levels(check_keys(keys))


def test_a_folder_that_cannot_be_read_is_a_problem(keys: Path) -> None:
    for folder in (keys / "none", keys / "broker.key"):
        (finding,) = check_keys(folder)
        assert finding.level is PROBLEM
        assert f"The key folder {folder} cannot be read: " in finding.says


def test_a_folder_without_keys_is_a_problem(tmp_path: Path) -> None:
    (finding,) = check_keys(tmp_path)
    assert finding.level is PROBLEM
    assert "filterfleet keys" in finding.do


# --- the command ----


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["doctor", *map(str, arguments)])
    return done.exit_code, done.output


def test_the_exit_code_says_whether_there_is_a_problem(keys: Path) -> None:
    code, said = run("--only", "keys", "--keys", keys)
    assert (code, said.count("ok       keys: ")) == (0, 3)
    (keys / "broker.key_secret").chmod(0o640)
    code, said = run("--only", "keys", "--keys", keys)
    assert code == 1
    assert "problem  keys: The secret key" in said


def test_json_has_the_findings(tmp_path: Path) -> None:
    code, said = run("--only", "folders", "--source", tmp_path / "none", "--json")
    told = json.loads(said)
    assert (code, told["well"]) == (1, False)
    assert told["findings"][0]["level"] == "problem"


def test_a_broker_that_cannot_be_named_is_a_finding_and_not_the_end() -> None:
    code, said = run("--only", "broker", "--only", "memory", "--broker", "a,a")
    assert code == 1
    assert "problem  broker: --broker takes a name" in said
    assert "  memory: " in said


def test_a_name_that_nobody_knows_is_told_as_that() -> None:
    name = "x" * 70  # too long for a name server to be asked
    code, said = run("--only", "broker", "--broker", name)
    assert code == 1
    assert f"problem  broker: The name '{name}' cannot be resolved" in said


def test_mistakes_in_the_settings_of_any_daemon_are_problems(tmp_path: Path) -> None:
    file = tmp_path / "filterfleet.toml"
    file.write_text("[worker]\nthreds = 1\n")
    code, said = run("--only", "settings", "--config", file)
    assert (code, said) == (
        1,
        f"problem  settings: {file}, line 2: [worker] there is no setting 'threds': did you mean 'threads'?\n",
    )
    file.write_text("[worker]\nthreads = 1\n")
    code, said = run("--only", "settings", "--config", file)
    assert (code, said) == (0, f"ok       settings: Nothing is wrong with {file}.\n")
    file.chmod(0o666)
    code, said = run("--only", "settings", "--config", file)
    assert said.startswith(f"warning  settings: Everybody can write {file}, and choose what a daemon does.\n")


@pytest.mark.parametrize("kind", ["closed", "leads nowhere"])
def test_settings_that_only_a_daemon_would_miss_are_a_warning(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other commands do without a file that their user may not read."""
    file = tmp_path / "filterfleet.toml"
    if kind == "closed":
        file.touch()
        monkeypatch.setattr(os, "access", lambda *_: False)  # root may read everything
    else:
        file.symlink_to("nowhere")
    monkeypatch.setattr("filterfleet.common.config.file.STANDARD", file)
    code, said = run("--only", "settings")
    assert code == 0
    assert f"warning  settings: The settings {file} cannot be read by this user." in said


def test_a_part_that_has_nothing_to_look_at_says_so() -> None:
    code, said = run("--only", "folders", "--only", "keys")
    assert code == 0
    assert "warning  folders: There is nothing to look at.\n         -> Name it with --source or --output." in said
    assert "warning  keys: There is nothing to look at." in said


def test_a_broker_that_a_file_of_settings_names_is_expected_too(tmp_path: Path) -> None:
    file = tmp_path / "filterfleet.toml"
    frontend, backend = free_ports()
    file.write_text(f'[fleet]\nbroker = "127.0.0.1"\nfrontend_port = {frontend}\nbackend_port = {backend}\n')
    code, said = run("--only", "broker", "--config", file)
    assert code == 1
    assert f"problem  broker: No broker answers at 127.0.0.1:{frontend}" in said
    assert f"ok       ports: Port {backend} is free." in said
