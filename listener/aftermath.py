"""What happens to a source image after its success."""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import FleetError


@dataclass(frozen=True, slots=True)
class Keep:
    pass


@dataclass(frozen=True, slots=True)
class Delete:
    pass


@dataclass(frozen=True, slots=True)
class MoveTo:
    folder: str


After = Keep | Delete | MoveTo


def parse_after(text: str) -> After:
    if text == "keep":
        return Keep()
    raise FleetError(text)
