"""The broker alone: tasks without work, round trips, and payloads of the largest size that a message carries; with a
queue of bare ZeroMQ sockets as the limit, and other systems beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from filterfleet.bench import programs
from filterfleet.bench.analysis.record import Part, Series
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.broker import Flow, hurried, round_trip, shares_of
from filterfleet.bench.peers.catalogue import SYSTEMS, Peer, absent, installed
from filterfleet.bench.peers.protocol import TASKS, TINY
from filterfleet.bench.raw_queue import PROXY, PYTHON, RawClient, raw_queue
from filterfleet.bench.slow_fleet import Cost, SlowFleet, client_of
from filterfleet.common.client.client import Client
from filterfleet.common.errors import FleetError
from filterfleet.common.wire.messages import INLINE_LIMIT

WORKERS, PAYLOADS, AHEAD = 2, 50, 8
RATE, LARGE, COST, TRIP, SHARE = (
    "tasks without work",
    "payloads of 8 MiB",
    "processor time of a task without work",
    "round trip",
    "two clients at once",
)
BROKER = "our broker"
QUEUES = {PYTHON: "raw pyzmq, a loop in Python", PROXY: "raw pyzmq, libzmq's proxy"}
SLOW_TASKS = 2000  # of a system that manages a few hundred a second
LIMIT = QUEUES[PYTHON]  # to which the others are compared
SHARES = 0.5  # of the tasks, for each of two clients


@dataclass(slots=True)
class Findings:
    """What was measured so far, by who it was measured of, in the order of the rounds."""

    costs: list[Cost] = field(default_factory=list)
    rates: dict[str, list[float]] = field(default_factory=dict)  # tasks/s
    large: dict[str, list[float]] = field(default_factory=dict)  # tasks/s
    trips: dict[str, list[float]] = field(default_factory=dict)  # ms


def measure(setting: Setting) -> Part:
    tasks, trips = setting.count(10_000, 50_000), setting.count(50, 300)
    part = Part({"workers": WORKERS, "tasks": tasks, "tasks of a slow system": SLOW_TASKS, "bytes of a task": TINY})
    part.left_out += absent(SYSTEMS, quick=setting.quick)
    found, systems = Findings(), installed(SYSTEMS, quick=setting.quick)
    with _both() as (fleet, client, queues):
        flow = Flow(client)
        flow.run(2000, TINY)
        for number in setting.laps(20, 90):
            setting.say(f"broker, round {number + 1}")
            _ours(found, fleet, client, flow, tasks, trips)
            for name, queue in queues.items():
                _raw(found, name, queue, tasks, trips)
            for peer in tuple(systems):
                setting.say(f"broker, round {number + 1}: {peer.name}")
                try:
                    rate = _rate_of(peer, SLOW_TASKS if peer.slow else tasks)
                except FleetError as error:
                    systems.remove(peer)
                    found.rates.pop(_name(peer), None)
                    part.left_out.append(str(error))
                else:
                    found.rates.setdefault(_name(peer), []).append(rate)
        setting.say("broker: two clients")
        shares = [max(shares_of(fleet, int(SHARES * tasks))) for _ in found.costs]
    _write(part, found, tasks)
    part.series.append(Series(SHARE, "the larger share", "of all", "less", shares))
    return part


def _name(peer: Peer) -> str:
    return f"{peer.name}, {peer.together}" if peer.together else peer.name


@contextmanager
def _both() -> Iterator[tuple[SlowFleet, Client, dict[str, RawClient]]]:
    with ExitStack() as stack:
        fleet = stack.enter_context(hurried(WORKERS))
        client = stack.enter_context(client_of(fleet))
        queues = {name: stack.enter_context(raw_queue(queue, WORKERS)) for queue, name in QUEUES.items()}
        yield fleet, client, queues


def _ours(found: Findings, fleet: SlowFleet, client: Client, flow: Flow, tasks: int, trips: int) -> None:
    cost = fleet.costs(lambda: flow.run(tasks, TINY))
    found.costs.append(cost)
    found.rates.setdefault(BROKER, []).append(tasks / cost.seconds)
    found.large.setdefault(BROKER, []).append(PAYLOADS / flow.run(PAYLOADS, INLINE_LIMIT, AHEAD))
    found.trips.setdefault(BROKER, []).extend(1000 * round_trip(client) for _ in range(trips))


def _raw(found: Findings, name: str, queue: RawClient, tasks: int, trips: int) -> None:
    found.rates.setdefault(name, []).append(queue.rate(tasks, TINY))
    found.large.setdefault(name, []).append(queue.rate(PAYLOADS, INLINE_LIMIT, AHEAD))
    found.trips.setdefault(name, []).extend(1000 * queue.round_trip(TINY) for _ in range(trips))


def _rate_of(peer: Peer, tasks: int) -> float:
    """Tasks without work in a second, of a peer that is up. Raises FleetError."""
    module = f"filterfleet.bench.peers.{peer.module}"
    command = [sys.executable, "-P", "-m", module, TASKS, str(tasks), str(WORKERS)]
    return tasks / programs.from_go_to_done(peer.name, command)


def _write(part: Part, found: Findings, tasks: int) -> None:
    for group, unit, figures in ((RATE, "tasks/s", found.rates), (LARGE, "payloads/s", found.large)):
        for name, samples in figures.items():
            ours = name == BROKER
            part.series.append(Series(group, name, unit, "more", samples, reference=LIMIT, ours=ours))
    for who in ("broker", "workers", "client"):
        each = [1e6 * float(getattr(cost, who)) / tasks for cost in found.costs]
        part.series.append(Series(COST, who, "µs", "less", each))
    for name, samples in found.trips.items():
        part.series.append(Series(TRIP, name, "ms", "less", samples, reference=LIMIT, ours=name == BROKER))
