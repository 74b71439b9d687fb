"""What an image file says of itself, before a single pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Header:
    """width and height are in pixels as stored, before orientation (EXIF's, 1 to 8) is applied; AVIF and HEIC turn
    themselves, and say 1. bands, alpha included, and bits, 8 or 16, are those of the decoded image. bounded: it can be
    decoded in strips, in bounded memory. exif is the TIFF structure alone, without "Exif\\0\\0" before it."""

    format: str
    width: int
    height: int
    bands: int = 3
    bits: int = 8
    alpha: bool = False
    orientation: int = 1
    bounded: bool = False
    cmyk: bool = False
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height once orientation is applied."""
        return (self.height, self.width) if self.orientation > 4 else (self.width, self.height)

    @property
    def pixels(self) -> int:
        return self.width * self.height
