"""The sidecar of an image: one more output, which no recipe makes, with what is known about the image and the others.

It is written and published with them, so that all appear or none. The ledger has it among the outputs, so it is
checked and made again as they are.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from filterfleet.common.jobs.names import SIDECAR
from filterfleet.common.jobs.notes import sums_of
from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener.core.scan import Version


class About(Struct, frozen=True):
    """What the core knows of an image that is being written. engine is the engine's name, turnaround is in seconds."""

    version: Version
    engine: str
    turnaround: float


class Sidecar(Struct, frozen=True):
    """One that was written: the output, and its CRC-32."""

    output: OutputFile
    sum: int


def with_sidecar(result: Result, sidecar: Sidecar | None) -> Result:
    """The result as the ledger has it."""
    if sidecar is None:
        return result
    sums = sums_of(result.report, len(result.outputs))
    report = {**result.report, "sums": [*sums, sidecar.sum]} if sums else result.report
    return replace(result, outputs=(*result.outputs, sidecar.output), report=report)


def without_sidecar(result: Result) -> Result:
    """The result without the sidecar that the ledger has among its outputs: it is about another image."""
    if not any(output.name == SIDECAR for output in result.outputs):
        return result
    kept = [number for number, output in enumerate(result.outputs) if output.name != SIDECAR]
    sums = sums_of(result.report, len(result.outputs))
    report = {**result.report, "sums": [sums[number] for number in kept]} if sums else result.report
    return replace(result, outputs=tuple(result.outputs[number] for number in kept), report=report)
