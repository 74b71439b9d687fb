"""A job as engines take it."""

from __future__ import annotations

from dataclasses import dataclass

from filterfleet.common.payload import Payload


@dataclass(frozen=True, slots=True)
class Job:
    """One image under one recipe. payload is the image file, or empty when the file is to be read in parts."""

    id: bytes
    recipe: bytes
    needs: tuple[str, ...]
    size: int
    payload: tuple[Payload, ...] = ()
    priority: int = 0
