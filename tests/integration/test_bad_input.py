"""Wrong images, wrong folders, wrong addresses: one clear sentence each, the right exit code, no traceback."""

from __future__ import annotations

import contextlib
import shutil
import socket
from pathlib import Path

import pytest

from filterfleet.common.client.lack import WRONG_PORT
from filterfleet.common.process.ports import free_ports
from filterfleet.listener.failed import FAILED
from tests.integration.harness import (
    LOOPBACK,
    Fleet,
    Processes,
    check_outputs,
    expected_outputs,
    wait_until,
)

USAGE = 2  # exit code of a command that cannot do what it was told


def one_sentence(said: str) -> str:
    """What a failed command said, which must be one sentence and nothing else."""
    (line,) = said.strip().splitlines()
    assert line.startswith("filterfleet: ")
    assert line.endswith(".")
    return line


@pytest.fixture
def few(photographs, tmp_path) -> Path:
    """A folder with three good photographs, which a test may spoil."""
    return Path(shutil.copytree(photographs(3, 200, 300), tmp_path / "in"))


# --- images ----


def test_the_good_images_are_done_and_the_bad_ones_listed_with_reasons(processes: Processes, few, tmp_path):
    good = expected_outputs(few)
    whole = next(few.rglob("*.jpg")).read_bytes()
    bad = {"empty.jpg": b"", "text.jpg": b"Dear diary, today was fine.", "cut short.jpg": whole[:150]}
    for name, data in bad.items():
        (few / name).write_bytes(data)
    frontend, backend = free_ports()
    ports = ("--frontend-port", frontend, "--backend-port", backend)

    code, said = processes.run("up", "--source", few, "--output", tmp_path / "out", "--once", *ports, "--settle", "0.1")

    assert code == 1, said
    assert "Traceback" not in said
    assert "failed empty.jpg: The file is empty." in said
    assert "failed text.jpg: The file is not an image of a known format." in said
    assert "failed cut short.jpg: The JPEG file is damaged or cut short." in said
    assert said.count("failed ") == 3
    assert "3 images done, 3 failed." in said
    check_outputs(tmp_path / "out", good)
    failed = {file.name: file.read_bytes() for file in (tmp_path / "out" / FAILED).iterdir()}
    assert {name: failed[name] for name in bad} == bad
    assert failed["empty.jpg.txt"] == b"The file is empty.\n"
    assert len(failed) == 6


def test_many_bad_files_with_the_same_content_all_fail(fleet: Fleet, tmp_path):
    """Each of the same job, which may be submitted again before its last failure is acknowledged."""
    (tmp_path / "in").mkdir()
    for number in range(300):
        (tmp_path / "in" / f"{number}.jpg").write_bytes(b"")
    fleet.start_broker()
    fleet.start_worker()
    listener = fleet.start_listener(tmp_path / "in", tmp_path / "out", "--once", "--settle", 0)
    assert listener.wait(30) == 1
    assert listener.said.count(".jpg: The file is empty.") == 300


def test_submit_reports_each_bad_file_and_does_the_others(fleet: Fleet, few, tmp_path):
    good = next(few.rglob("*.jpg"))
    (few / "empty.png").write_bytes(b"")
    (few / "sub").mkdir()
    fleet.start_broker()
    fleet.start_worker()

    files = (good, few / "empty.png", few / "missing.jpg", few / "sub")
    code, said = fleet.processes.run("submit", *files, "--output", tmp_path / "out", "--frontend-port", fleet.frontend)

    assert code == 1
    assert f"{few / 'empty.png'}: The file is empty." in said
    assert f"{few / 'missing.jpg'}: The file cannot be read: No such file or directory." in said
    assert f"{few / 'sub'}: " in said
    assert "Traceback" not in said
    (tmp_path / "alone").mkdir()
    shutil.copy(good, tmp_path / "alone")
    check_outputs(tmp_path / "out", expected_outputs(tmp_path / "alone"))


# --- folders ----


@pytest.mark.parametrize(
    ("source", "output", "sentence"),
    [
        ("missing", "out", "does not exist"),
        ("file", "out", "is not a folder"),
        ("in", "in", "overlap"),
        ("in", "in/out", "overlap"),
        ("in/below", "in", "overlap"),
        ("in", "file", "is not a folder"),
        ("in", "/proc/out", "cannot be written"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("in/link to nothing", "out", "does not exist"),
                ("in", "link to in/out", "overlap"),
                ("in", "file/out", "cannot be written"),
                ("in", "/sys/out", "cannot be written"),
                ("x" * 300, "out", "does not exist"),
                ("in", "x" * 300, "cannot be written"),
                ("loop", "out", "does not exist"),
                ("in", "loop", "loop"),
            )
        ),
    ],
)
@pytest.mark.parametrize("command", ["listener", pytest.param("up", marks=pytest.mark.slow)])
def test_folders_that_cannot_be_used(processes: Processes, tmp_path, command, source, output, sentence):
    (tmp_path / "in" / "below").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    (tmp_path / "in" / "link to nothing").symlink_to("nothing")
    (tmp_path / "link to in").symlink_to("in")
    (tmp_path / "loop").symlink_to("loop")
    code, said = processes.run(command, "--source", tmp_path / source, "--output", tmp_path / output, "--once")
    assert code == USAGE, said
    assert sentence in one_sentence(said)
    assert not (tmp_path / "in" / "out").exists()


@pytest.mark.slow
def test_submit_to_a_folder_that_cannot_be_written(processes: Processes, few, tmp_path):
    (tmp_path / "file").write_text("")
    for output, sentence in (("file", "is not a folder"), ("file/out", "cannot be written: Not a directory")):
        code, said = processes.run("submit", next(few.rglob("*.jpg")), "--output", tmp_path / output)
        assert code == USAGE
        assert sentence in one_sentence(said)


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        (("submit", "nothere.jpg", "in", "--output", "out"), 1, "nothere.jpg: The file cannot be read: No such file"),
        (("status", "--output", "in"), USAGE, "There is no ledger in/.filterfleet/ledger.sqlite3"),
        (("run", "nothere", "out", "--engine", "cluster"), USAGE, "The source folder nothere does not exist."),
        *(
            pytest.param((*run, "--engine", "cluster"), USAGE, sentence, marks=pytest.mark.slow)
            for run, sentence in (
                (("run", "in", "file"), "The output file is not a folder."),
                (("run", "in", "out", "--recipe", "nothere"), "There is no recipe and no file 'nothere'"),
                (("run", "in", "out", "--report", "no/report.csv"), "there is no folder no."),
            )
        ),
    ],
)
def test_what_is_wrong_here_is_said_before_a_broker_is_asked(
    processes: Processes, monkeypatch, tmp_path, command, code, sentence
):
    (tmp_path / "in").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with socket.create_server((LOOPBACK, 0)) as silent:
        ended, said = processes.run(*command, "--frontend-port", silent.getsockname()[1])
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody has come
            silent.accept()
    assert ended == code, said
    assert sentence in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_state_folder_that_cannot_be_written(processes: Processes, few, tmp_path):
    (tmp_path / "file").write_text("")
    folders = ("--source", few, "--output", tmp_path / "out", "--state", tmp_path / "file" / "state")
    for command in ("up", "listener"):
        code, said = processes.run(command, *folders, "--once")
        assert code == USAGE
        assert str(tmp_path / "file" / "state") in one_sentence(said)


@pytest.mark.slow
def test_a_ledger_that_is_no_database(processes: Processes, few, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "ledger.sqlite3").write_text("not a database, but long enough to be looked at" * 100)
    folders = ("--source", few, "--output", tmp_path / "out", "--state", tmp_path / "state")
    code, said = processes.run("listener", *folders, "--once")
    assert code == USAGE
    assert "ledger.sqlite3 cannot be opened" in one_sentence(said)


def test_two_listeners_on_one_output(fleet: Fleet, few, tmp_path):
    first = fleet.start_listener(few, tmp_path / "out")
    wait_until(lambda: "listener started" in first.said, what="the first listener")
    code, said = fleet.processes.run("listener", "--source", few, "--output", tmp_path / "out")
    assert code == USAGE
    assert "Another listener is writing to" in one_sentence(said)
    assert first.alive


def test_an_output_that_stands_in_the_way_fails_its_image_only(fleet: Fleet, few, tmp_path):
    """A folder where a file is to be."""
    expected = expected_outputs(few)
    victim = next(path for path in expected if path.startswith("edges/"))
    (tmp_path / "out" / victim / "x").mkdir(parents=True)
    fleet.start_broker()
    fleet.start_worker()
    listener = fleet.start_listener(few, tmp_path / "out", "--once", "--settle", 0)
    assert listener.wait(30) == 1
    assert f"{victim} is a folder, but a file has to have this name." in listener.said
    assert "Traceback" not in listener.said
    image = victim.removeprefix("edges/").removesuffix(".png")
    (tmp_path / "out" / victim / "x").rmdir()
    others = {path: data for path, data in expected.items() if image not in path}  # none of its results, not a part
    check_outputs(tmp_path / "out", others)
    assert image in listener.said


def test_daemons_say_that_tmpdir_cannot_be_used(fleet: Fleet, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    (tmp_path / "in").mkdir()
    for daemon in (fleet.start_worker(), fleet.start_listener(tmp_path / "in", tmp_path / "out")):
        wait_until(lambda: "TMPDIR cannot be used" in daemon.said, what="the warning")  # noqa: B023
        (line,) = (line for line in daemon.said.splitlines() if "TMPDIR" in line)
        assert f"folder={tmp_path / 'gone'}" in line
        assert "reason='No such file or directory'" in line


# --- addresses ----


def test_a_port_in_use(processes: Processes, few, tmp_path):
    port, other = free_ports()
    with socket.create_server((LOOPBACK, port)):
        for ports in ((port, other), (other, port)):
            arguments = ("--frontend-port", ports[0], "--backend-port", ports[1])
            code, said = processes.run("broker", *arguments)
            assert code == USAGE
            assert f"Port {port} on 127.0.0.1 is in use" in one_sentence(said)

        folders = ("--source", few, "--output", tmp_path / "out")
        code, said = processes.run("up", *folders, "--once", *arguments)
        assert code == USAGE
        assert f"Port {port} on 127.0.0.1 is in use" in said.strip().splitlines()[-1]
        assert "Traceback" not in said


def test_the_same_port_twice(processes: Processes, few, tmp_path):
    port, _ = free_ports()
    ports = ("--frontend-port", port, "--backend-port", port)
    for command in (("broker",), ("up", "--source", few, "--output", tmp_path / "out")):
        code, said = processes.run(*command, *ports)
        assert code == USAGE
        assert "need two different ports" in one_sentence(said)


@pytest.mark.slow
def test_the_port_for_workers_is_not_that_for_clients(fleet: Fleet, few, tmp_path):
    fleet.start_broker()
    file = next(few.rglob("*.jpg"))
    submit = fleet.processes.start("submit", file, "--output", tmp_path / "out", "--frontend-port", fleet.backend)
    wait_until(lambda: "work waits" in submit.said, what="the reason why nothing comes back")
    assert WRONG_PORT in submit.said


@pytest.mark.slow
def test_an_address_this_machine_does_not_have(processes: Processes):
    frontend, backend = free_ports()
    ports = ("--frontend-port", frontend, "--backend-port", backend)
    code, said = processes.run("broker", "--bind", "192.0.2.1", *ports)
    assert code == USAGE
    assert "192.0.2.1" in one_sentence(said)


NO_ADDRESSES = ("127.0.0.1:1", "*x", "a" * 300)


@pytest.mark.parametrize("bind", ["nonsense", *(pytest.param(bind, marks=pytest.mark.slow) for bind in NO_ADDRESSES)])
def test_an_address_that_is_none(processes: Processes, bind):
    frontend, backend = free_ports()
    code, said = processes.run("broker", "--bind", bind, "--frontend-port", frontend, "--backend-port", backend)
    assert code == USAGE
    one_sentence(said)


@pytest.mark.slow
def test_no_broker_there(processes: Processes):
    port, _ = free_ports()
    code, said = processes.run("status", "--frontend-port", port)
    assert code == USAGE
    assert f"No broker answers at 127.0.0.1:{port} because nothing listens there" in one_sentence(said)


@pytest.mark.slow
def test_a_host_that_does_not_answer_at_all(processes: Processes):
    """A port whose line of waiting connections is full lets the next ones wait for ever."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind((LOOPBACK, 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((LOOPBACK, port))
        code, said = processes.run("status", "--frontend-port", port)
    assert code == USAGE
    assert f"No broker answers at 127.0.0.1:{port} because no connection can be made: " in one_sentence(said)


@pytest.mark.slow
def test_no_broker_for_those_who_wait_longer(processes: Processes, few, tmp_path):
    port, _ = free_ports()
    commands = (
        ("submit", next(few.rglob("*.jpg")), "--output", tmp_path / "a"),
        ("listener", "--once", "--source", few, "--output", tmp_path / "b"),
    )
    for daemon in [processes.start(*command, "--frontend-port", port) for command in commands]:
        assert daemon.wait(20) == USAGE
        assert f"No broker answers at 127.0.0.1, port {port}" in one_sentence(daemon.said)


def test_a_listener_that_is_stopped_before_the_end_says_so(fleet: Fleet, few, tmp_path):
    """There is a broker, but nobody works."""
    fleet.start_broker()
    listener = fleet.start_listener(few, tmp_path / "out", "--once", "--settle", 0)
    wait_until(lambda: fleet.status()["waiting"] == 3, what="three tasks")
    listener.terminate()
    assert listener.wait(5) == 130
    assert "Stopped before everything was done" in listener.said


def test_a_host_name_that_means_nothing(processes: Processes, few, tmp_path):
    for command in (
        ("submit", next(few.rglob("*.jpg")), "--output", tmp_path / "a"),
        ("listener", "--source", few, "--output", tmp_path / "b"),
        ("worker",),
        ("status",),
    ):
        code, said = processes.run(*command, "--broker", "no-such-host.invalid")
        assert code == USAGE
        assert "The name 'no-such-host.invalid' cannot be resolved" in one_sentence(said)
