"""What the distribution of 1,000 images costs: processor time of each daemon, and bytes on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from filterfleet.bench.analysis.record import Part, Series
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.processes import cpu_seconds
from filterfleet.bench.proxy import Proxy
from filterfleet.bench.warm import warm_fleet
from filterfleet.common.process.ports import Ports, free_ports
from filterfleet.common.process.supervisor import Child

WORKERS = 2
CPU, WIRE = "processor time in a fleet", "bytes on the wire"


def measure(setting: Setting) -> Part:
    images = setting.count(60, 300)
    part = Part({"workers": WORKERS, "images": images})
    with setting.room("cost") as folder, ExitStack() as stack:
        ports = free_ports()
        clients, workers = (stack.enter_context(Proxy(port)) for port in ports)
        reached = Ports(clients.port, workers.port)
        fleet = stack.enter_context(warm_fleet(folder, folder / "output", WORKERS, ports, reached))
        used: dict[str, list[float]] = {}
        passed: list[float] = []
        for number in setting.laps(5, 30):
            setting.say(f"cost, round {number + 1}")
            staged = folder / f"photographs-{number}"
            setting.photographs(staged, images, 1.0, 2.0, seed=20 + number)
            for photograph in staged.iterdir():
                photograph.rename(staged / f"{number}-{photograph.name}")
            size = sum(photograph.stat().st_size for photograph in staged.iterdir())
            before, carried = _used(fleet.supervisor.children), clients.bytes + workers.bytes
            fleet.drop(sorted(staged.iterdir()))
            fleet.wait()
            for name, seconds in _used(fleet.supervisor.children).items():
                role = name.partition("-")[0]
                _add(used.setdefault(role, []), number, 1000 * (seconds - before[name]) / images)
            passed.append((clients.bytes + workers.bytes - carried) / size)
    part.series += [Series(CPU, role, "CPU s for 1,000 images", "less", found) for role, found in used.items()]
    part.series.append(Series(WIRE, "to and from the broker", "bytes for each byte of image", "less", passed))
    return part


def _add(sums: list[float], place: int, value: float) -> None:
    """To the sum at this place, which may be the next one."""
    if place == len(sums):
        sums.append(0.0)
    sums[place] += value


def _used(children: Sequence[Child]) -> dict[str, float]:
    return {child.spec.name: cpu_seconds(child.process.pid) for child in children if child.process is not None}
