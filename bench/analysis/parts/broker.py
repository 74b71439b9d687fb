"""The broker alone: tasks without work, round trips, and payloads of the largest size that a message carries."""

from __future__ import annotations

from filterfleet.bench.analysis.record import Part, Series
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.broker import TINY, Flow, client_of, fleet_of, round_trip, shares_of
from filterfleet.common.wire.messages import INLINE_LIMIT

WORKERS, PAYLOADS = 2, 50
RATE, COST, TRIP, SHARE = (
    "tasks without work",
    "processor time of a task without work",
    "round trip",
    "two clients at once",
)


def measure(setting: Setting) -> Part:
    tasks, trips = setting.count(20_000, 200_000), setting.count(200, 2000)
    part = Part({"workers": WORKERS, "tasks": tasks, "bytes of a task": TINY})
    with fleet_of(WORKERS, hurry=True) as fleet, client_of(fleet) as client:
        flow = Flow(client)
        flow.run(fleet, 2000, TINY)
        setting.say("broker: tasks without work")
        costs = [fleet.costs(lambda: flow.run(fleet, tasks, TINY)) for _ in range(setting.rounds)]
        setting.say("broker: round trips")
        waits = [round_trip(client, fleet) for _ in range(trips)]
        setting.say("broker: large payloads")
        large = [PAYLOADS / flow.run(fleet, PAYLOADS, INLINE_LIMIT, 8) for _ in range(setting.rounds)]
        setting.say("broker: two clients")
        shares = [max(shares_of(fleet, tasks // 2)) for _ in range(setting.rounds)]
    part.series.append(Series(RATE, f"{TINY} bytes", "tasks/s", "more", [tasks / cost.seconds for cost in costs]))
    part.series.append(Series(RATE, "8 MiB", "tasks/s", "more", large))
    for who in ("broker", "workers", "client"):
        each = [1e6 * float(getattr(cost, who)) / tasks for cost in costs]
        part.series.append(Series(COST, who, "µs", "less", each))
    part.series.append(Series(TRIP, "nothing else to do", "ms", "less", [1000 * wait for wait in waits]))
    part.series.append(Series(SHARE, "the larger share", "of all", "less", shares))
    return part
