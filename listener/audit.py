"""Whether what the ledger calls done is in the output: each file, with its size and, if that is wanted, its content."""

from __future__ import annotations

import contextlib
import enum
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from filterfleet.common.blob import FileBlob, checksum
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.names import place_of
from filterfleet.common.opening import open_file, opened_below
from filterfleet.listener.ledger.reading import Made, made, reader


class Fault(enum.StrEnum):
    """What is wrong with an output."""

    MISSING = "missing"
    SIZE = "another size"
    CONTENT = "another content"
    UNREADABLE = "cannot be read"


@dataclass(frozen=True, slots=True)
class Found:
    """An output that is not as it was made: its path below the output's root, and its image's below the source.

    can_redo: the image is still at the source.
    """

    path: str
    image: str
    fault: Fault
    can_redo: bool


Size = Callable[[str], int | None]  # bytes of the file with this path below the output's root; None if there is none
Sum = Callable[[str], int]  # its CRC-32; raises OSError


def audit(ledger: Path, source: str, size: Size, sum_of: Sum | None = None) -> Iterator[Found]:
    """Everything that is wrong with the outputs of one source. sum_of: compare the contents, too. Raises FleetError."""
    with reader(ledger) as db:
        for image in made(db, source):
            yield from faults(image, size, sum_of)


def is_intact(image: Made, output: LocalOutput) -> bool:
    """Whether all outputs of an image are there, with their sizes and, where that is known, their contents."""
    return not any(faults(image, output.size, output.sum_of))


def faults(image: Made, size: Size, sum_of: Sum | None = None) -> Iterator[Found]:
    """Everything that is wrong with the outputs of one image."""
    for number, output in enumerate(image.outputs):
        path = place_of(output, image.path)
        known = image.sums[number] if image.sums is not None and sum_of is not None else None
        if (fault := _fault(path, output.size, known, size, sum_of)) is not None:
            yield Found(path, image.path, fault, image.at_source)


def _fault(path: str, wanted: int, known: int | None, size: Size, sum_of: Sum | None) -> Fault | None:
    there = size(path)
    if there is None:
        return Fault.MISSING
    if there != wanted:
        return Fault.SIZE
    if known is None or sum_of is None:
        return None
    try:
        return None if sum_of(path) == known else Fault.CONTENT
    except OSError:
        return Fault.UNREADABLE


class LocalOutput:
    """An output folder of this machine. links: links are followed when a file is read; nobody sees more of it than
    whether it is as it was made."""

    def __init__(self, root: Path, *, links: bool = False) -> None:
        """Raises FleetError."""
        self._links = links
        try:
            self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise FleetError(f"The output folder {root} cannot be read: {error.strerror}.") from None

    def close(self) -> None:
        os.close(self._root)

    def size(self, path: str) -> int | None:
        """Raises FleetError when it cannot be known whether there is such a file."""
        try:
            found = os.stat(path, dir_fd=self._root, follow_symlinks=False)
        except OSError as error:
            if isinstance(error, FileNotFoundError | NotADirectoryError):
                return None
            raise FleetError(f"The output {path} cannot be looked at: {error.strerror}.") from None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def sum_of(self, path: str) -> int:
        folder, _, name = path.rpartition("/")
        with (
            opened_below(self._root, folder, links=self._links) as descriptor,
            contextlib.closing(FileBlob(open_file(name, folder=descriptor, links=self._links))) as file,
        ):
            return checksum(file)


def listed(sizes: Mapping[str, int]) -> Size:
    """The sizes in a listing of the output."""
    return sizes.get
