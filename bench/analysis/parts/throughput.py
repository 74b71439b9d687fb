"""Whole commands and warm systems on the same photographs, and what they cost in processor time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from filterfleet.bench import contenders
from filterfleet.bench.analysis.record import Part, Series
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.contenders import OURS, PLAIN, Contender
from filterfleet.bench.peers.catalogue import SYSTEMS, TOOLS, Peer, absent, installed
from filterfleet.common.errors import FleetError

WORKERS, FLEETS = 2, (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Load:
    """A number of photographs whose sizes lie between smallest and largest, in megapixels, and who takes part. seconds
    is how long its rounds may take, when it is quick and when it is not."""

    name: str
    images: int
    smallest: float
    largest: float
    seconds: tuple[float, float]
    field: Sequence[Contender]

    @property
    def title(self) -> str:
        return f"{self.name}: {self.images} photographs of {self.smallest:g} to {self.largest:g} megapixels"


def measure(setting: Setting) -> Part:
    part = Part({"workers": WORKERS}, left_out=[*absent(quick=setting.quick), *contenders.engines_left_out()])
    part.left_out.append(
        "Whole commands of other systems run on the small photographs alone: their start takes the same time whatever "
        "the photographs are."
    )
    if setting.quick:
        part.left_out.append("A quick run has no large photographs, no fleets of 4 and 8 workers here, and no Dask.")
    else:
        part.left_out.append(
            "Large photographs: fleets of other sizes than the number of workers, and what takes seconds to start."
        )
        part.left_out.append("GNU parallel has no part but the one with few photographs: its tools take long for each.")
    for load in _loads(setting):
        for one in _race(setting, load, part):
            _record(part, load, one)
    return part


def _loads(setting: Setting) -> Iterator[Load]:
    systems, tools = installed(SYSTEMS, quick=setting.quick), installed(TOOLS, quick=setting.quick)
    fleets = (1, WORKERS) if setting.quick else FLEETS
    cold = [contenders.cold(peer, WORKERS) for peer in systems]
    field = _field(fleets, systems, slow=not setting.quick)
    yield Load("small", setting.count(24, 100), 1, 2, (30, 180), [*field, *cold])
    field = _field(fleets, systems, slow=not setting.quick)
    yield Load("medium", setting.count(3, 16), 8, 12, (20, 130), field)
    if not setting.quick:
        fast = installed(SYSTEMS, quick=True)
        yield Load("large", 2, 100, 120, (0, 100), _field((WORKERS,), fast, slow=False))
    if tools:
        field = [*_field((), (), slow=False), *(contenders.cold(peer, WORKERS) for peer in tools)]
        yield Load("few small", 24, 1, 2, (0, 40), field)


def _field(fleets: Sequence[int], peers: Sequence[Peer], *, slow: bool) -> list[Contender]:
    """The plain program, ours, and peers that are up. slow: also those of ours that take seconds to start."""
    ours = [one for one in contenders.commands(WORKERS) if slow or not one.slow]
    found = [contenders.plain(), contenders.sequential(), *ours, *map(contenders.fleet, fleets)]
    if fleets:
        found.append(contenders.plain_warm())
    return found + [contenders.warm(peer, WORKERS) for peer in peers]


def _race(setting: Setting, load: Load, part: Part) -> list[Contender]:
    """Those that came through. Another system that fails is left out, with all that it did before. Raises FleetError
    when one of ours fails, or the plain program."""
    field = list(load.field)
    with setting.room("throughput") as folder:
        source = folder / "photographs"
        setting.photographs(source, load.images, load.smallest, load.largest)
        outputs = {one.name: folder / f"output-{number}" for number, one in enumerate(field)}
        for number in setting.laps(*load.seconds):
            for one in tuple(field):
                setting.say(f"{load.title}, round {number + 1}: {one.name}")
                try:
                    one.measure(source, outputs[one.name])
                    one.check(outputs[one.like], outputs[one.name], one.name)
                except FleetError as error:
                    if one.name == PLAIN or one.like == OURS:
                        raise
                    field.remove(one)
                    part.left_out.append(f"{load.title}: {error}")
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
