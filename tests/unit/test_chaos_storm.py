"""A plan is carried out on children that only write down what is done to them; time is moved by hand."""

from __future__ import annotations

import signal
from types import SimpleNamespace

import pytest

from filterfleet.chaos import storm as module
from filterfleet.chaos.plan import Deed, Step
from filterfleet.chaos.storm import PATIENCE, START_PATIENCE, Storm
from filterfleet.common.errors import FleetError
from filterfleet.listener.ledger.ledger import Progress

SECONDS = 20.0


class FakeProcess:
    def __init__(self, pid):
        self.pid = pid
        self.signals = []
        self.code = None

    def poll(self):
        return self.code

    def send_signal(self, number):
        self.signals.append(number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        self.send_signal(signal.SIGTERM)


class Rig:
    def __init__(self, monkeypatch, *plan, limit=None):
        self.now = 1000.0
        self.lines = []
        self.done = 0
        self.photographs = SimpleNamespace(count=5, add=self.add)
        self.processes = {name: FakeProcess(pid) for pid, name in enumerate(("broker", "worker-1", "listener"), 100)}
        children = [
            SimpleNamespace(spec=SimpleNamespace(name=name), process=process, ready=True)
            for name, process in self.processes.items()
        ]
        self.children = dict(zip(self.processes, children, strict=True))
        self.supervisor = SimpleNamespace(children=children, ready=True)
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)
        ledger = SimpleNamespace(progress=lambda: Progress(self.photographs.count - self.done, self.done, 0))
        self.storm = Storm(plan, SECONDS, self.photographs, limit, ledger, self.lines.append)

    def add(self):
        self.photographs.count += 1

    def turn(self, elapsed):
        self.now = 1000.0 + elapsed
        return self.storm.watch(self.supervisor)

    def signals(self, name):
        return self.processes[name].signals


def test_each_step_reaches_its_process_in_its_time(monkeypatch):
    plan = Step(1.0, Deed.KILL, "broker"), Step(2.0, Deed.RESTART, "worker-1"), Step(3.0, Deed.FREEZE, "listener", 4.0)
    rig = Rig(monkeypatch, *plan)
    rig.turn(0)
    rig.turn(0.9)
    assert not any(process.signals for process in rig.processes.values())
    rig.turn(3.0)
    assert rig.signals("broker") == [signal.SIGKILL]
    assert rig.signals("worker-1") == [signal.SIGTERM]
    assert rig.signals("listener") == [signal.SIGSTOP]
    rig.turn(7.0)
    assert rig.signals("listener") == [signal.SIGSTOP, signal.SIGCONT]


def test_a_process_that_is_frozen_twice_goes_on_after_the_longer_time(monkeypatch):
    rig = Rig(monkeypatch, Step(1.0, Deed.FREEZE, "broker", 5.0), Step(2.0, Deed.FREEZE, "broker", 6.0))
    rig.turn(0)
    rig.turn(2.0)
    rig.turn(6.5)
    assert signal.SIGCONT not in rig.signals("broker")
    rig.turn(8.0)
    assert rig.signals("broker")[-1] is signal.SIGCONT


@pytest.mark.parametrize("gone", [True, False])
def test_nobody_is_signalled_in_place_of_a_process_that_has_ended(monkeypatch, gone):
    rig = Rig(monkeypatch, Step(1.0, Deed.KILL, "broker"))
    rig.turn(0)
    rig.processes["broker"].code = -9
    if gone:
        rig.children["broker"].process = None
    rig.turn(1.0)
    assert not any(process.signals for process in rig.processes.values())
    assert any("is down already" in line for line in rig.lines)


def test_a_process_that_ended_while_frozen_is_left_in_peace_and_so_is_its_successor(monkeypatch):
    rig = Rig(monkeypatch, Step(1.0, Deed.FREEZE, "broker", 2.0))
    rig.turn(0)
    rig.turn(1.0)
    rig.processes["broker"].code = -9
    successor = rig.children["broker"].process = FakeProcess(200)
    rig.turn(3.0)
    assert rig.signals("broker") == [signal.SIGSTOP]
    assert successor.signals == []
    assert any("broker is back (pid 200)" in line for line in rig.lines)


def test_there_is_always_work_until_the_end_of_the_storm(monkeypatch):
    rig = Rig(monkeypatch)
    rig.turn(0)
    for _ in range(100):
        rig.turn(1)
    assert rig.photographs.count == module.BACKLOG
    rig.done = 30
    for _ in range(100):
        rig.turn(2)
    assert rig.photographs.count == module.BACKLOG + 30
    rig.done = 60
    rig.turn(SECONDS)
    assert rig.photographs.count == module.BACKLOG + 30


def test_a_limit_is_kept(monkeypatch):
    rig = Rig(monkeypatch, limit=7)
    rig.turn(0)
    for _ in range(10):
        rig.turn(1)
    assert rig.photographs.count == 7


def test_it_is_over_when_all_work_has_ended_and_not_before_the_storm_has(monkeypatch):
    rig = Rig(monkeypatch, limit=5)
    rig.turn(0)
    rig.done = 5
    assert not rig.turn(SECONDS - 0.1)
    assert rig.turn(SECONDS)
    assert rig.storm.over


def test_it_waits_as_long_as_something_gets_done(monkeypatch):
    rig = Rig(monkeypatch, limit=5)
    rig.turn(0)
    assert not rig.turn(SECONDS)
    assert not rig.turn(SECONDS + PATIENCE)
    rig.done = 4
    assert not rig.turn(SECONDS + PATIENCE + 1)
    assert not rig.turn(SECONDS + 2 * PATIENCE)
    assert rig.turn(SECONDS + 2 * PATIENCE + 2)
    assert rig.storm.over


def test_a_fleet_that_does_not_start_is_given_up(monkeypatch):
    rig = Rig(monkeypatch)
    rig.supervisor.ready = False
    assert not rig.turn(START_PATIENCE)
    with pytest.raises(FleetError, match="was not ready within 60 s"):
        rig.turn(START_PATIENCE + 1)
    assert not rig.storm.began
