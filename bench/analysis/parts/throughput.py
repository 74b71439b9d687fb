"""Whole commands and warm systems on the same photographs, and what they cost in processor time."""

from __future__ import annotations

from dataclasses import dataclass

from filterfleet.bench import contenders
from filterfleet.bench.analysis.record import Part, Series
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.contenders import OURS, PLAIN, Contender
from filterfleet.bench.peers.catalogue import absent, installed

WORKERS, FLEETS = 2, (1, 2, 4, 8)
SMALL = "small"


@dataclass(frozen=True, slots=True)
class Load:
    """A number of photographs whose sizes lie between smallest and largest, in megapixels."""

    name: str
    images: int
    smallest: float
    largest: float
    rounds: int

    @property
    def title(self) -> str:
        return f"{self.name}: {self.images} photographs of {self.smallest:g} to {self.largest:g} megapixels"


def measure(setting: Setting) -> Part:
    loads = [
        Load(SMALL, setting.count(24, 100), 1, 2, setting.count(2, 3)),
        Load("medium", setting.count(4, 16), 8, 12, setting.count(2, 3)),
    ]
    if not setting.quick:
        loads.append(Load("large", 2, 100, 120, 2))
    part = Part({"workers": WORKERS, "rounds": loads[0].rounds}, left_out=_left_out(setting))
    for load in loads:
        for one in _race(setting, load):
            _record(part, load, one)
    return part


def _left_out(setting: Setting) -> list[str]:
    said = [*absent(quick=setting.quick), *contenders.engines_left_out()]
    said.append(
        "Whole commands of other systems run on the small photographs alone: their start takes the same time whatever "
        "the photographs are."
    )
    if setting.quick:
        said.append("A quick run has no large photographs, and no fleets of 4 and 8 workers here.")
    return said


def _field(setting: Setting, load: Load) -> list[Contender]:
    peers = installed(quick=setting.quick)
    field = [contenders.plain(), contenders.sequential(), *contenders.commands(WORKERS)]
    field += [contenders.fleet(count) for count in FLEETS if not setting.quick or count <= WORKERS]
    if load.name == SMALL:
        field += [contenders.cold(peer, WORKERS) for peer in peers]
    return field + [contenders.warm(peer, WORKERS) for peer in peers if peer.exact]


def _race(setting: Setting, load: Load) -> list[Contender]:
    field = _field(setting, load)
    with setting.room("throughput") as folder:
        source = folder / "photographs"
        setting.photographs(source, load.images, load.smallest, load.largest)
        outputs = {one.name: folder / f"output-{number}" for number, one in enumerate(field)}
        for number in range(load.rounds):
            for one in field:
                setting.say(f"{load.title}, round {number + 1}: {one.name}")
                one.measure(source, outputs[one.name])
                one.check(outputs[one.like], outputs[one.name], one.name)
    return field


def _record(part: Part, load: Load, one: Contender) -> None:
    ours = one.like == OURS
    rates = [load.images / seconds for seconds in one.seconds]
    part.series.append(Series(load.title, one.name, "images/s", "more", rates, reference=PLAIN, ours=ours))
    if one.cpu:
        cost = [1000 * cpu / load.images for cpu in one.cpu]
        group = f"processor time, {load.name}"
        unit = "CPU s for 1,000 images"
        part.series.append(Series(group, one.name, unit, "less", cost, reference=PLAIN, ours=ours))
