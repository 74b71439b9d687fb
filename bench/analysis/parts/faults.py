"""A fault in the middle of a batch: how long nothing is finished, what is lost or doubled, and what others do."""

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

from filterfleet.bench.analysis.parts.peers import fate_of
from filterfleet.bench.analysis.record import Part, Series, Timeline
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.contenders import OURS, PLAIN, Contender, contenders
from filterfleet.bench.proxy import Proxy
from filterfleet.bench.warm import WARM, WarmFleet, warm_fleet
from filterfleet.common.process.ports import Ports, free_ports
from filterfleet.listener.ledger.opening import ledger_file

WORKERS = 2
FROZEN = 6.0  # seconds: longer than the broker's patience of four heartbeats
GROUP = "longest pause after the fault"
LOST, DOUBLED = "outputs lost or wrong", "images recorded more than once"
KILLED = ", a worker killed"


@dataclass(frozen=True, slots=True)
class Fault:
    """strike begins it, and relief, if there is one, ends it FROZEN seconds later."""

    name: str
    strike: Callable[[WarmFleet, Cables], None]
    relief: Callable[[WarmFleet, Cables], None] | None = None


@dataclass(frozen=True, slots=True)
class Cables:
    """What stands between the broker and its clients, and between the broker and its workers."""

    clients: Proxy
    workers: Proxy


def _signal(number: signal.Signals, name: str) -> Callable[[WarmFleet, Cables], None]:
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
    yield Fault("listener cut off", lambda _, c: c.clients.cut(), lambda _, c: c.clients.heal())


def measure(setting: Setting) -> Part:
    images = setting.count(150, 600)
    part = Part({"workers": WORKERS, "images": images, "seconds stopped or cut": FROZEN})
    faults = list(_faults())
    with setting.room("faults") as folder:
        setting.photographs(folder / "photographs", images, 1.0, 2.0)
        reference = next(one for one in contenders(WORKERS, peers=False) if one.name == OURS)
        reference.measure(folder / "photographs", folder / "expected")
        for fault in faults[::3] if setting.quick else faults:
            setting.say(f"faults: {fault.name}")
            _suffer(fault, folder, part)
        if not setting.quick:
            _let_peers_suffer(setting, folder, part)
    return part


def _suffer(fault: Fault, folder: Path, part: Part) -> None:
    room = folder / "fleet"
    room.mkdir()
    staged = room / "staged"
    staged.mkdir()
    for photograph in (folder / "photographs").iterdir():
        os.link(photograph, staged / photograph.name)
    with _cabled(room) as (fleet, cables):
        began, started = time.time(), time.monotonic()
        fleet.drop(sorted(staged.iterdir()))
        fleet.wait(missing=len(list((folder / "photographs").iterdir())) * 3 // 4)
        marks = {fault.name: time.monotonic() - started}
        fault.strike(fleet, cables)
        if fault.relief is not None:
            until = time.monotonic() + FROZEN
            while time.monotonic() < until:
                fleet.turn()
            fault.relief(fleet, cables)
            marks["over"] = time.monotonic() - started
        fleet.wait()
        done = [one.finished_at - began for one in fleet.ledger.processed() if not one.path.startswith(WARM)]
        ledger = ledger_file(fleet.source, fleet.output, None)
    _record(part, fault.name, done, marks)
    lost, doubled = _wrong(folder / "expected", room / "output", ledger)
    part.counts[f"{fault.name}: {LOST}"] = lost
    part.counts[f"{fault.name}: {DOUBLED}"] = doubled
    shutil.rmtree(room)


def _record(part: Part, name: str, done: list[float], marks: dict[str, float]) -> None:
    struck = marks[name]
    after = [struck, *sorted(instant for instant in done if instant > struck)]
    pause = max((later - earlier for earlier, later in pairwise(after)), default=0.0)
    part.series.append(Series(GROUP, name, "s", "less", [pause]))
    part.timelines.append(Timeline(name, marks, sorted(done)))


@contextmanager
def _cabled(room: Path) -> Iterator[tuple[WarmFleet, Cables]]:
    ports = free_ports()
    with ExitStack() as stack:
        cables = Cables(*(stack.enter_context(Proxy(port)) for port in ports))
        reached = Ports(cables.clients.port, cables.workers.port)
        fleet = stack.enter_context(warm_fleet(room, room / "output", WORKERS, ports, reached))
        yield fleet, cables


def _wrong(expected: Path, found: Path, ledger: Path) -> tuple[int, int]:
    """How many outputs are missing or differ from those of the sequential pipeline, and how many images have more than
    one record."""
    files = [file.relative_to(expected) for file in expected.rglob("*.*") if file.is_file()]
    lost = sum(
        not (found / file).is_file() or (found / file).read_bytes() != (expected / file).read_bytes() for file in files
    )
    with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as database:
        (doubled,) = database.execute(
            "SELECT count(*) FROM (SELECT 1 FROM results GROUP BY source, path HAVING count(*) > 1)"
        ).fetchone()
    return lost, int(doubled)


def _let_peers_suffer(setting: Setting, folder: Path, part: Part) -> None:
    plain = Contender(PLAIN, lambda source, output: ["-m", "filterfleet.bench.plain", str(source), str(output)], PLAIN)
    plain.measure(folder / "photographs", folder / "plain")
    for one in contenders(WORKERS, peers=True):
        if one.warm and one.like == PLAIN:
            setting.say(f"faults: kill -9 of a worker of {one.name}")
            fate = fate_of(one, folder / "photographs", folder / "peer", folder / "plain")
            part.settings[f"{one.name}{KILLED}"] = fate
