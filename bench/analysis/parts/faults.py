"""A fault in the middle of a batch: how long nothing is finished, what is done again, what is lost or doubled, and what
other systems do.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from filterfleet.bench import contenders
from filterfleet.bench.analysis.parts.peers import fate_of
from filterfleet.bench.analysis.record import Part, Series, Timeline
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.outputs import different, files_of
from filterfleet.bench.peers.catalogue import SYSTEMS, absent, installed
from filterfleet.bench.proxy import Proxy
from filterfleet.bench.warm import WARM, WarmFleet, warm_fleet
from filterfleet.common.errors import FleetError
from filterfleet.common.process.ports import Ports, free_ports
from filterfleet.listener.ledger.opening import ledger_file
from filterfleet.listener.state import PRIVATE

WORKERS = 2
FROZEN = 6.0  # seconds: longer than the broker's patience of four heartbeats
GROUP, RECOVERY, REDONE = (
    "longest pause after the fault",
    "from the fault to the end of the longest pause",
    "work sent to workers again",
)
LOST, DOUBLED = "outputs lost or wrong", "images recorded more than once"
KILLED = ", a worker killed"
PEERS_IMAGES = 120  # of a batch in which a worker of another system is killed


@dataclass(frozen=True, slots=True)
class Cables:
    """What stands between the broker and its clients, and between the broker and its workers."""

    clients: Proxy
    workers: Proxy

    def cut(self) -> None:
        self.clients.cut()
        self.workers.cut()

    def heal(self) -> None:
        self.clients.heal()
        self.workers.heal()


Act = Callable[[WarmFleet, Cables], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """strike begins it, and relief, if there is one, ends it FROZEN seconds later."""

    name: str
    strike: Act
    relief: Act | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Folders with its photographs and with the outputs that they must have."""

    photographs: Path
    expected: Path
    images: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch. marks and done as in Timeline; carried are bytes between broker and workers."""

    marks: dict[str, float]
    done: list[float]
    carried: int
    lost: int
    doubled: int


NONE = Fault("no fault", lambda _fleet, _cables: None)


def _signal(number: signal.Signals, name: str) -> Act:
    def send(fleet: WarmFleet, _cables: Cables) -> None:
        process = fleet.child(name).process
        if process is not None:
            os.kill(process.pid, number)

    return send


def _faults() -> Iterator[Fault]:
    for whom in ("worker-1", "broker", "listener"):
        yield Fault(f"{whom}: kill -9", _signal(signal.SIGKILL, whom))
        yield Fault(f"{whom}: stopped", _signal(signal.SIGSTOP, whom), _signal(signal.SIGCONT, whom))
    yield Fault("workers cut off", lambda _, c: c.workers.cut(), lambda _, c: c.workers.heal())
    yield Fault("broker cut off", lambda _, c: c.cut(), lambda _, c: c.heal())
    yield Fault("listener cut off", lambda _, c: c.clients.cut(), lambda _, c: c.clients.heal())


def measure(setting: Setting) -> Part:
    images = setting.count(60, 400)
    part = Part({"workers": WORKERS, "images": images, "seconds stopped or cut": FROZEN})
    faults = list(_faults())
    if setting.quick:
        faults = faults[::3]
        part.left_out.append("A quick run has three of the nine faults, and no other systems here.")
    with setting.room("faults") as folder:
        batch = Batch(folder / "photographs", folder / "expected", images)
        setting.photographs(batch.photographs, images, 1.0, 2.0)
        contenders.sequential().measure(batch.photographs, batch.expected)
        setting.say(f"faults: {NONE.name}")
        usual = _suffer(NONE, folder, batch).carried
        for fault in faults:
            setting.say(f"faults: {fault.name}")
            outcome = _suffer(fault, folder, batch)
            _record(part, fault.name, outcome)
            again = max(0.0, (outcome.carried / usual - 1) * images)
            part.series.append(Series(REDONE, fault.name, "images", "less", [again]))
        if not setting.quick:
            part.left_out += absent(SYSTEMS)
            _let_peers_suffer(setting, folder, batch, part)
    return part


def _suffer(fault: Fault, folder: Path, batch: Batch) -> Outcome:
    """The fault strikes when a quarter of the batch is done."""
    room = folder / "fleet"
    staged = room / "staged"
    staged.mkdir(parents=True)
    _link(batch.photographs, staged, batch.images)
    with _cabled(room) as (fleet, cables):
        before, began, started = cables.workers.bytes, time.time(), time.monotonic()
        fleet.drop(sorted(staged.iterdir()))
        fleet.wait(missing=batch.images * 3 // 4)
        marks = {fault.name: time.monotonic() - started}
        fault.strike(fleet, cables)
        if fault.relief is not None:
            until = time.monotonic() + FROZEN
            while time.monotonic() < until:
                fleet.turn()
            fault.relief(fleet, cables)
            marks["over"] = time.monotonic() - started
        fleet.wait()
        carried = cables.workers.bytes - before
        done = [one.finished_at - began for one in fleet.ledger.processed() if not one.path.startswith(WARM)]
        ledger = ledger_file(fleet.source, fleet.output, None)
    lost = different(batch.expected, room / "output") + _too_many(batch.expected, room / "output")
    doubled = _recorded_twice(ledger)
    shutil.rmtree(room)
    return Outcome(marks, sorted(done), carried, lost, doubled)


def _link(photographs: Path, folder: Path, count: int) -> None:
    for photograph in sorted(photographs.iterdir())[:count]:
        os.link(photograph, folder / photograph.name)


def _record(part: Part, name: str, outcome: Outcome) -> None:
    struck = outcome.marks[name]
    after = [struck, *(instant for instant in outcome.done if instant > struck)]
    pause, end = max(((later - earlier, later) for earlier, later in pairwise(after)), default=(0.0, struck))
    part.series.append(Series(GROUP, name, "s", "less", [pause]))
    part.series.append(Series(RECOVERY, name, "s", "less", [end - struck]))
    part.counts[f"{name}: {LOST}"] = outcome.lost
    part.counts[f"{name}: {DOUBLED}"] = outcome.doubled
    part.timelines.append(Timeline(name, outcome.marks, outcome.done))


@contextmanager
def _cabled(room: Path) -> Iterator[tuple[WarmFleet, Cables]]:
    ports = free_ports()
    with ExitStack() as stack:
        cables = Cables(*(stack.enter_context(Proxy(port)) for port in ports))
        reached = Ports(cables.clients.port, cables.workers.port)
        fleet = stack.enter_context(warm_fleet(room, room / "output", WORKERS, ports, reached))
        yield fleet, cables


def _recorded_twice(ledger: Path) -> int:
    with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as database:
        (found,) = database.execute(
            "SELECT count(*) FROM (SELECT 1 FROM results GROUP BY source, path HAVING count(*) > 1)"
        ).fetchone()
    return int(found)


def _too_many(expected: Path, found: Path) -> int:
    """Files in the output that nobody asked for, but the listener's own and those that were there before."""
    files = {file for file in files_of(found) if file.parts[0] != PRIVATE and not file.name.startswith(WARM)}
    return len(files - set(files_of(expected)))


def _let_peers_suffer(setting: Setting, folder: Path, batch: Batch, part: Part) -> None:
    few, expected = folder / "few", folder / "plain"
    few.mkdir()
    _link(batch.photographs, few, PEERS_IMAGES)
    contenders.plain().measure(few, expected)
    for peer in installed(SYSTEMS):
        setting.say(f"faults: kill -9 of a worker of {peer.name}")
        try:
            fate = fate_of(peer, WORKERS, few, folder / f"output-{peer.module}", expected)
        except FleetError as error:
            part.left_out.append(str(error))
            continue
        words = fate.words if fate else "has no worker process: killing it kills the program"
        part.settings[f"{peer.name}{KILLED}"] = words
