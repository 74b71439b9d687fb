"""What happens to a source image once all its results are in their places."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from filterfleet.common.errors import FleetError
from filterfleet.listener.names import fitted

# An image that moves tries the names "a.jpg", "a (2).jpg" and so on, until the number reaches TARGETS; then the image
# stays where it is. Each name that is taken costs one question to a store. With more, a folder can hold more images of
# one name; with fewer, an image that cannot move is noticed sooner.
TARGETS = 100


@dataclass(frozen=True, slots=True)
class Keep:
    """The image stays where it is."""


@dataclass(frozen=True, slots=True)
class Delete:
    """The image is deleted."""


@dataclass(frozen=True, slots=True)
class MoveTo:
    """The image moves, with its path, below a folder of the source whose images are not processed."""

    folder: str  # relative to the source's root, without slashes at its ends

    def target(self, path: str, number: int) -> str:
        """The numberth place to try for path: done/trip/a.jpg for 1, done/trip/a (2).jpg for 2."""
        place = PurePosixPath(path)
        name = place.name if number == 1 else fitted(place.stem, f" ({number}){place.suffix}")
        return str(PurePosixPath(self.folder) / place.with_name(name))


After = Keep | Delete | MoveTo


def parse_after(text: str) -> After:
    """Parse keep, delete or move:FOLDER. Raises FleetError."""
    if text == "keep":
        return Keep()
    if text == "delete":
        return Delete()
    word, _, folder = text.partition(":")
    parts = [part for part in folder.split("/") if part]
    if word != "move":
        raise FleetError(f"{text!r} cannot happen to an image: choose keep, delete or move:FOLDER.")
    if not parts or folder.startswith("/") or not {".", ".."}.isdisjoint(parts) or not folder.isprintable():
        raise FleetError(f"{folder!r} cannot be a folder below the source: choose one as in move:done.")
    return MoveTo("/".join(parts))


def is_departed(path: str, after: After) -> bool:
    """Whether path lies in the folder to which finished images move."""
    return isinstance(after, MoveTo) and path.startswith(f"{after.folder}/")
