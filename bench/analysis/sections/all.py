"""The section of each part."""

from __future__ import annotations

from collections.abc import Callable

from filterfleet.bench.analysis.page import Section
from filterfleet.bench.analysis.record import Analysis, Part
from filterfleet.bench.analysis.sections.beyond import beyond_this_machine
from filterfleet.bench.analysis.sections.broker import brokering
from filterfleet.bench.analysis.sections.cost import cost
from filterfleet.bench.analysis.sections.faults import fault_tolerance
from filterfleet.bench.analysis.sections.latency import latencies
from filterfleet.bench.analysis.sections.memory import memory_use
from filterfleet.bench.analysis.sections.scalability import scaling
from filterfleet.bench.analysis.sections.throughput import throughput
from filterfleet.bench.analysis.words import percent
from filterfleet.common.errors import FleetError

SECTIONS: dict[str, Callable[[Part], Section]] = {
    "throughput": throughput,
    "scalability": scaling,
    "faults": fault_tolerance,
    "beyond": beyond_this_machine,
    "latency": latencies,
    "broker": brokering,
    "memory": memory_use,
    "cost": cost,
}
BUSY = 0.05  # share of the machine's cores that others may use without a word


def sections(analysis: Analysis) -> dict[str, Section]:
    """Those of the parts that were measured, in the order of the report. Raises FleetError."""
    made = {}
    for name in SECTIONS:
        if (part := analysis.parts.get(name)) is not None:
            made[name] = section = _section(name, part)
            section.notes += [f"Left out: {words}" for words in part.left_out]
            if (busy := analysis.busy.get(name, 0.0)) > BUSY:
                section.notes.append(f"Other programs used {percent(busy)} of the machine meanwhile.")
    return made


def _section(name: str, part: Part) -> Section:
    try:
        return SECTIONS[name](part)
    except (LookupError, ValueError, ArithmeticError, StopIteration) as error:
        raise FleetError(
            f"The part {name} of the analysis lacks measurements that its section needs ({error!r}): run `filterfleet "
            f"bench all` again."
        ) from None
