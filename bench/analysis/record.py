"""The measurements of one run of the analysis, as they stand in its JSON file: samples only. Everything else can be
computed from them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from filterfleet.common.errors import FleetError

FORMAT = 1
DIGITS = 6  # significant ones of each number in the file: no clock here tells more
Better = Literal["less", "more"]


class Machine(msgspec.Struct, frozen=True):
    """Where it was measured. memory is in bytes."""

    processor: str
    cores: int
    memory: int
    system: str
    python: str
    versions: dict[str, str]  # of packages that count


class Series(msgspec.Struct):
    """Repeated measurements of one thing, in the order in which they were taken.

    name: what or who was measured. x: the point on the part's horizontal axis, such as a number of workers. The n-th
    samples of all series of a group come from the same round, so that their ratios do not depend on the load of the
    machine. group: the table in which the series stands. reference: the name of the series of the same group to which
    the others are compared, or the empty string.
    """

    group: str
    name: str
    unit: str
    better: Better
    samples: list[float]
    x: float | None = None
    reference: str = ""
    ours: bool = True


class Timeline(msgspec.Struct):
    """What happened around a fault. marks: a word for each instant, in seconds since the start. done: the instants at
    which images were finished."""

    name: str
    marks: dict[str, float]
    done: list[float]


class Part(msgspec.Struct):
    """What one part of the analysis has measured. settings say how; counts hold numbers that must be as they are, such
    as outputs lost; left_out says what could not be measured here, and why."""

    settings: dict[str, float | str] = msgspec.field(default_factory=dict)
    series: list[Series] = msgspec.field(default_factory=list)
    timelines: list[Timeline] = msgspec.field(default_factory=list)
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    left_out: list[str] = msgspec.field(default_factory=list)


class Analysis(msgspec.Struct):
    """One run. busy is the load of the machine by others, as a share of all its cores, for each part."""

    date: str
    command: str
    machine: Machine
    parts: dict[str, Part]
    busy: dict[str, float]
    seconds: float
    format: int = FORMAT


def read(file: Path) -> Analysis:
    """Raises FleetError."""
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Analysis)
    except OSError as error:
        raise FleetError(f"The analysis {file} cannot be read: {error.strerror}.") from None
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise FleetError(f"{file} is not the JSON file of an analysis: {error}.") from None
    if found.format != FORMAT:
        raise FleetError(f"{file} has format {found.format}, and this version reads format {FORMAT}.")
    return found


def write(analysis: Analysis, file: Path) -> None:
    """Raises FleetError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        plain = _rounded(msgspec.to_builtins(analysis))
        file.write_bytes(msgspec.json.format(msgspec.json.encode(plain), indent=1) + b"\n")
    except OSError as error:
        raise FleetError(f"The analysis {file} cannot be written: {error.strerror}.") from None


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value
