"""What the commands share that read a ledger: how they find it, and what they say of its listener."""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import typer

from filterfleet.commands.ordering import Place, find_place
from filterfleet.common.errors import FleetError
from filterfleet.common.text import json_text, printable
from filterfleet.common.words import moment
from filterfleet.listener.ledger.history import History
from filterfleet.listener.present import known

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}  # seconds


class Ledger:
    """The history of the listener that is meant, and whether that runs."""

    def __init__(self, output: str | None, state: Path | None, source: str | None) -> None:
        """Raises FleetError."""
        self.place: Place = find_place(output, state, source)
        only = self.place.sources[0] if source is not None else None
        self.history = History(self.place.ledger, only)
        present = [one for one in known(self.place.ledger.parent) if one.present.source in self.place.sources]
        self.runs = any(one.runs for one in present)

    @property
    def paused(self) -> float | None:
        """Since when the listener takes nothing new."""
        return self.history.counts().paused

    def say_whether_it_works(self) -> None:
        """Lines on standard error, where nothing happens to what is shown. Raises FleetError."""
        if not self.runs:
            typer.echo("No listener is running here: this is what the ledger says.", err=True)
        if (since := self.paused) is not None:
            typer.echo(f"Paused since {moment(since)}: `filterfleet resume` goes on.", err=True)

    def print_json(self, **shown: Any) -> None:
        """Values of listener.ledger.history among them. Raises FleetError."""
        state = {"listener_runs": self.runs, "paused": self.paused}
        typer.echo(json_text(state | msgspec.to_builtins(shown), indent=2))


def instant(text: str | None) -> float | None:
    """A time as people write it, in seconds since the epoch: "90m", "2h" or "7d" ago, or an ISO 8601 date, with or
    without a time, in the zone of this machine if it names none. Raises FleetError."""
    if text is None:
        return None
    if ago := re.fullmatch(r"(\d{1,9})\s*([smhdw])", text.strip(), re.ASCII):
        return time.time() - int(ago[1]) * _UNITS[ago[2]]
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        raise FleetError(
            f"--since takes a time such as 90m, 2h, 7d or 2026-11-28T14:30, and {printable(text)} is none."
        ) from None


def when(at: float | None) -> str:
    return "" if at is None else moment(at)


def took(seconds: float | None) -> str:
    return "" if not seconds else f"{seconds:.2f} s"
