"""What an image file says of itself, before a single pixel is decoded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from filterfleet.worker.formats.colour import Colour


@dataclass(frozen=True, slots=True)
class Header:
    """The facts of an image file.

    width, height: pixels as stored, before orientation is applied.
    bands: samples per pixel of the decoded image, 1 to 4, alpha included.
    bits: bits per sample of the decoded image, 8 or 16.
    orientation: as in EXIF, 1 to 8. AVIF and HEIC files are turned by their decoders, and say 1.
    stated: the orientation that outputs state: 1, since they are upright, unless the picture is not turned.
    bounded: the file can be decoded in strips, in bounded memory.
    colour: what the file states of its colours without a profile, or more exactly than by its profile.
    png_colours: the chunks of a PNG that state it, by kind.
    exif: the TIFF structure alone, without exif.PREFIX.
    density: pixels per metre, across and down, as stored.
    decoding: bytes that the decoder takes besides what this says: tiles and strips of a TIFF, the numbers of a text.
    notes: sentences for the report, about what the file has and no output will have.
    """

    format: str
    width: int
    height: int
    bands: int = 3
    bits: int = 8
    alpha: bool = False
    orientation: int = 1
    stated: int = 1
    bounded: bool = False
    cmyk: bool = False
    icc: bytes | None = None
    colour: Colour | None = None
    png_colours: Mapping[bytes, bytes] = field(default_factory=dict)
    exif: bytes | None = None
    xmp: bytes | None = None
    density: tuple[float, float] | None = None
    decoding: int = 0
    notes: tuple[str, ...] = ()

    def noting(self, sentence: str) -> Header:
        """The same header with one more note, unless it has it already."""
        return self if sentence in self.notes else dataclasses.replace(self, notes=(*self.notes, sentence))

    def unturned(self) -> Header:
        """The same header for a picture that stays as it is stored, and says so."""
        return dataclasses.replace(self, orientation=1, stated=self.orientation)

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height in pixels once orientation is applied."""
        return (self.height, self.width) if self.orientation > 4 else (self.width, self.height)

    @property
    def pixels(self) -> int:
        return self.width * self.height


def only(kind: str, number: int, count: int, *, more: bool = False) -> str | None:
    """The note that one of several was processed; None if there is but one. more: there may be more than count."""
    if count < 2:
        return None
    return f"Only {kind} {number} of {'more than ' * more}{count} was processed."
