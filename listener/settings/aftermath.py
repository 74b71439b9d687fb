"""What happens to a source image after its success."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from filterfleet.common.errors import FleetError
from filterfleet.listener.names import fitted


@dataclass(frozen=True, slots=True)
class Keep:
    """It stays where it is."""


@dataclass(frozen=True, slots=True)
class Delete:
    """It is deleted."""


@dataclass(frozen=True, slots=True)
class MoveTo:
    """It moves, under its path, below a folder of the source whose images are not looked at."""

    folder: str  # without slashes at its ends

    def target(self, path: str, number: int) -> str:
        """Where path goes when number - 1 places are taken: done/trip/a.jpg, then done/trip/a (2).jpg."""
        place = PurePosixPath(path)
        name = place.name if number == 1 else fitted(place.stem, f" ({number}){place.suffix}")
        return str(PurePosixPath(self.folder) / place.with_name(name))


After = Keep | Delete | MoveTo

TARGETS = 100  # names that are tried for one that moves


def parse_after(text: str) -> After:
    """keep, delete or move:FOLDER. Raises FleetError."""
    if text == "keep":
        return Keep()
    if text == "delete":
        return Delete()
    word, _, folder = text.partition(":")
    parts = [part for part in folder.split("/") if part]
    if word != "move":
        raise FleetError(f"{text!r} is nothing that can happen to an image: say keep, delete or move:FOLDER.")
    if not parts or folder.startswith("/") or not {".", ".."}.isdisjoint(parts) or not folder.isprintable():
        raise FleetError(f"{folder!r} is no folder below the source, such as move:done.")
    return MoveTo("/".join(parts))


def is_departed(path: str, after: After) -> bool:
    """Whether it lies where images go that are done."""
    return isinstance(after, MoveTo) and path.startswith(f"{after.folder}/")
