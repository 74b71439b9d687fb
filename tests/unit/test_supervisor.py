"""Real child processes that are kept running, told to end and killed."""

import os
import select
import signal
import time
from types import SimpleNamespace

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.common.process import supervisor as module
from filterfleet.common.process.supervisor import RESTART_DELAY, USAGE_EXIT, Spec, Supervisor, supervise

READY = """
import signal, sys
from filterfleet.common.process.notify import Notifier
notify = Notifier()
notify.ready()
"""
FOREVER = "\nsignal.pause()\n"
DEADLINE = 10.0  # seconds; far more than anything here takes


pytestmark = pytest.mark.timeout(120)


def spec(code, log=None, final=()):
    return Spec("child", ("-c", code), log, frozenset(final))


def turn_until(supervisor, condition):
    """Let the supervisor turn, as its loop does, until condition() holds."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        supervisor.turn()
        select.select([child.socket for child in supervisor.children], [], [], 0.01)


@pytest.fixture
def deaths(monkeypatch):
    """(exit code, seconds until the next start) of every child that died."""
    found = []

    def warning(_event, *, process, pid, exit_code, delay):
        assert process == "child"
        assert pid > 0
        found.append((exit_code, delay))

    monkeypatch.setattr(module, "log", SimpleNamespace(warning=warning))
    return found


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_children_are_started_and_ready_when_all_have_said_so():
    with Supervisor([spec(READY + FOREVER), spec(READY + FOREVER)], patience=5) as supervisor:
        assert not supervisor.ready
        turn_until(supervisor, lambda: supervisor.ready)
        pids = {child.process.pid for child in supervisor.children}
    assert len(pids) == 2
    assert all(map(is_gone, pids))


def test_a_killed_child_is_started_again(deaths):
    """Soon, however often it is killed: that is not its own fault."""
    pids = []
    with Supervisor([spec(READY + FOREVER)], patience=5) as supervisor:
        (child,) = supervisor.children
        for _ in range(3):
            turn_until(supervisor, lambda: child.process is not None and child.process.pid not in pids and child.ready)
            pids.append(child.process.pid)
            assert child.process.poll() is None
            os.kill(child.process.pid, signal.SIGKILL)
    assert len(set(pids)) == 3
    assert all(map(is_gone, pids))
    assert deaths == [(-signal.SIGKILL, RESTART_DELAY)] * 2


def test_a_child_that_fails_is_started_again_and_its_log_is_kept(tmp_path, deaths):
    """Later each time."""
    log = tmp_path / "log"
    with Supervisor([spec(READY + "print('life', flush=True); sys.exit(3)", log)], patience=5) as supervisor:
        turn_until(supervisor, lambda: len(deaths) == 3)
        assert not supervisor.children[0].process
    assert log.read_text() == "life\n" * 3
    assert deaths == [(3, RESTART_DELAY), (3, 2 * RESTART_DELAY), (3, 4 * RESTART_DELAY)]


def test_a_child_finds_its_environment_in_every_life(tmp_path):
    log = tmp_path / "log"
    code = "import os, sys; print(os.environ['GIVEN'], os.environ['HOME'], flush=True); sys.exit(3)"
    given = Spec("child", ("-c", code), log, environment={"GIVEN": "this"})
    with Supervisor([given], patience=5) as supervisor:
        turn_until(supervisor, lambda: log.exists() and log.read_text().count("\n") == 2)
    assert log.read_text() == f"this {os.environ['HOME']}\n" * 2


def test_a_child_that_has_served_once_may_fail_to_start_for_a_while(tmp_path):
    """As with a full disk, which was not full before."""
    log = tmp_path / "log"
    code = f"""
import pathlib, sys
life = pathlib.Path({str(tmp_path / "life")!r})
lives = len(life.read_text()) if life.exists() else 0
life.write_text("x" * (lives + 1))
if lives in (1, 2):
    sys.exit({USAGE_EXIT})
{READY}
if lives == 0:
    sys.exit({USAGE_EXIT})
{FOREVER}"""
    with Supervisor([spec(code, log)], patience=5) as supervisor:
        turn_until(supervisor, lambda: (tmp_path / "life").exists() and len((tmp_path / "life").read_text()) == 4)
        turn_until(supervisor, lambda: supervisor.ready)


def test_a_child_that_has_done_its_work_is_left_in_peace():
    with Supervisor([spec("raise SystemExit(1)", final=(0, 1))], patience=5) as supervisor:
        (child,) = supervisor.children
        turn_until(supervisor, lambda: child.exit_code is not None)
        assert child.exit_code == 1
        supervisor.turn()
        assert child.process is None


def test_a_child_that_can_never_start_ends_everything_with_its_own_sentence(tmp_path):
    code = f"""
import sys
print("some log line", file=sys.stderr)
print("filterfleet: Port 5555 is in use.", file=sys.stderr)
sys.exit({USAGE_EXIT})
"""
    with (
        Supervisor([spec(READY + FOREVER), spec(code, tmp_path / "log")], patience=5) as supervisor,
        pytest.raises(FleetError, match=r"^Port 5555 is in use\.$"),
    ):
        turn_until(supervisor, lambda: False)
    assert all(child.process is None for child in supervisor.children)


def test_without_a_log_the_reason_is_on_the_screen():
    with (
        Supervisor([spec(f"raise SystemExit({USAGE_EXIT})")], patience=5) as supervisor,
        pytest.raises(FleetError, match="The child cannot start, see above"),
    ):
        turn_until(supervisor, lambda: False)


def test_a_child_that_was_ready_once_is_started_again_whatever_its_exit_code():
    with Supervisor([spec(READY + f"sys.exit({USAGE_EXIT})")], patience=5) as supervisor:
        (child,) = supervisor.children
        pids = set()

        def third_life():
            if child.process is not None:
                pids.add(child.process.pid)
            return len(pids) == 3

        turn_until(supervisor, third_life)


def test_children_end_by_sigterm(tmp_path):
    log = tmp_path / "log"
    handler = "signal.signal(signal.SIGTERM, lambda *_: (print('goodbye', flush=True), sys.exit(0)))"
    code = READY.replace("notify =", f"{handler}\nnotify =") + FOREVER
    with Supervisor([spec(code, log)], patience=DEADLINE) as supervisor:
        turn_until(supervisor, lambda: supervisor.ready)
        began = time.monotonic()
    assert log.read_text() == "goodbye\n"
    assert time.monotonic() - began < DEADLINE


def test_a_child_that_is_stopped_ends_by_sigterm_too(tmp_path):
    log = tmp_path / "log"
    handler = "signal.signal(signal.SIGTERM, lambda *_: (print('goodbye', flush=True), sys.exit(0)))"
    code = READY.replace("notify =", f"{handler}\nnotify =") + FOREVER
    with Supervisor([spec(code, log)], patience=DEADLINE) as supervisor:
        turn_until(supervisor, lambda: supervisor.ready)
        supervisor.children[0].process.send_signal(signal.SIGSTOP)
    assert log.read_text() == "goodbye\n"


def test_a_child_that_does_not_end_is_killed_when_patience_is_over():
    code = READY.replace("notify =", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nnotify =") + FOREVER * 9
    with Supervisor([spec(code)], patience=0.3) as supervisor:
        turn_until(supervisor, lambda: supervisor.ready)
        pid = supervisor.children[0].process.pid
        began = time.monotonic()
    assert 0.3 <= time.monotonic() - began < DEADLINE
    assert is_gone(pid)


def test_in_a_hurry_children_hear_a_second_sigterm(tmp_path):
    log = tmp_path / "log"
    code = READY.replace(
        "notify =",
        """count = []
def handler(*_):
    count.append(1)
    print(len(count), flush=True)
    if len(count) == 2:
        sys.exit(0)
signal.signal(signal.SIGTERM, handler)
notify =""",
    )
    with Supervisor([spec(code + "\nwhile True: signal.pause()", log)], patience=DEADLINE) as supervisor:
        turn_until(supervisor, lambda: supervisor.ready)
        supervisor.stop(hurry=lambda: "1" in log.read_text())
    assert log.read_text().split() == ["1", "2"]


def test_a_child_that_hangs_is_killed_and_started_again(monkeypatch):
    with Supervisor([spec(READY + FOREVER)], patience=5) as supervisor:
        (child,) = supervisor.children
        turn_until(supervisor, lambda: supervisor.ready)
        pid = child.process.pid
        monkeypatch.setattr(module, "WATCHDOG", 0.0)  # it has been silent for longer than that
        turn_until(supervisor, lambda: child.process is None)
        monkeypatch.undo()
        turn_until(supervisor, lambda: child.process is not None and child.ready)
        assert child.process.pid != pid


def test_supervise_runs_until_the_watcher_has_seen_enough(tmp_path):
    log = tmp_path / "log"
    seen = []

    def watch(supervisor):
        if supervisor.ready:
            seen.append(supervisor.children[0].process.pid)
        return bool(seen)

    supervise([spec(READY + FOREVER, log)], patience=5, watch=watch)
    assert is_gone(seen[0])


def test_supervise_ends_by_sigterm():
    def watch(supervisor):
        if supervisor.ready:
            os.kill(os.getpid(), signal.SIGTERM)
        return False

    before = signal.getsignal(signal.SIGTERM)
    supervise([spec(READY + FOREVER)], patience=5, watch=watch)
    assert signal.getsignal(signal.SIGTERM) is before
