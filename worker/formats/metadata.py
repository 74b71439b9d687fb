"""What outputs carry from their source besides pixels."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from filterfleet.common.jobs.recipe import Metadata
from filterfleet.worker.formats.exif import edited
from filterfleet.worker.formats.facts import Header

# tiff:Orientation as an attribute or as an element, with any prefix.
_XMP_ORIENTATION = re.compile(rb"""(:Orientation\s*(?:=\s*["']|>\s*))[2-8]""")


@dataclass(frozen=True, slots=True)
class Carried:
    """icc is a colour profile (ICC.1), exif a TIFF structure without exif.PREFIX, xmp a packet in UTF-8."""

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None


NOTHING = Carried()


def carried(header: Header, policy: Metadata) -> Carried:
    """What still holds for an image whose pixels have been turned upright, and converted to sRGB if they were CMYK.

    The profile stays under every policy. KEEP: EXIF with orientation 1 and without its thumbnail, which shows the
    unprocessed picture; XMP with orientation 1. STRIP_GPS: EXIF also without its GPS part, and no XMP, because XMP may
    repeat the position in many ways. STRIP: neither EXIF nor XMP. EXIF that cannot be understood is dropped.
    """
    icc = header.icc if not header.cmyk and is_profile(header.icc) else None
    if policy is Metadata.STRIP:
        return Carried(icc=icc)
    keep = policy is Metadata.KEEP
    exif = edited(header.exif, gps=keep) if header.exif else None
    xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", header.xmp) if keep and header.xmp else None
    return Carried(icc, exif, xmp)


def is_profile(icc: bytes | None) -> bool:
    """Whether the bytes have the length and the signature of a profile (ICC.1:2022, 7.2)."""
    return icc is not None and len(icc) >= 132 and icc[36:40] == b"acsp" and int.from_bytes(icc[:4], "big") <= len(icc)


def fitting_to(carried: Carried, *, gray: bool) -> Carried:
    """The same without a profile that describes other pixels: a profile for colour says nothing about gray, nor one for
    gray about colour.
    """
    fits = carried.icc is not None and carried.icc[16:20] == (b"GRAY" if gray else b"RGB ")
    return carried if fits else dataclasses.replace(carried, icc=None)
