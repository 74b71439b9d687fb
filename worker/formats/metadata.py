"""What outputs carry from their source besides pixels."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from filterfleet.common.jobs.recipe import Metadata
from filterfleet.worker.formats.exif import edited, with_density
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.faults import told
from filterfleet.worker.formats.tone import gray_of
from filterfleet.worker.formats.xmp import of_the_picture

# tiff:Orientation as an attribute or as an element, with any prefix.
_XMP_ORIENTATION = re.compile(rb"""(:Orientation\s*(?:=\s*["']|>\s*))[2-8]""")


@dataclass(frozen=True, slots=True)
class Carried:
    """icc is a colour profile (ICC.1), exif a TIFF structure without exif.PREFIX, xmp a packet in UTF-8. density is in
    pixels per metre, across and down. png_colours are chunks of a PNG source that state its colours, by kind.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    density: tuple[float, float] | None = None
    png_colours: Mapping[bytes, bytes] = field(default_factory=dict)


NOTHING = Carried()


def carried(header: Header, policy: Metadata) -> Carried:
    """What still holds for an image whose pixels have been turned upright, and converted to sRGB if they were CMYK.

    Profile and density stay under every policy. Colours that are stated otherwise become a profile; from PNG to PNG,
    they stay as they are stated. KEEP: EXIF without its thumbnail, which shows the unprocessed picture; XMP without
    properties that point to pictures which are gone; both with orientation 1, or with that of a picture which was not
    turned (header.stated). STRIP_GPS: EXIF also without its GPS part, and no XMP, because XMP may repeat the position
    in many ways. STRIP: neither EXIF nor XMP. EXIF that cannot be understood is dropped.
    """
    with told(header.format):
        kept = _without_text(header)
        if policy is Metadata.STRIP:
            return kept
        keep = policy is Metadata.KEEP
        exif = edited(header.exif, gps=keep, orientation=header.stated) if header.exif else None
        xmp = of_the_picture(header.xmp) if keep and header.xmp else None
        xmp = _XMP_ORIENTATION.sub(rb"\g<1>%d" % header.stated, xmp) if xmp else None
        return dataclasses.replace(kept, exif=exif, xmp=xmp)


def _without_text(header: Header) -> Carried:
    density = header.density
    if density and header.orientation > 4:
        density = density[::-1]
    if header.cmyk:
        return Carried(density=density)
    icc = header.icc if is_profile(header.icc) else None
    if icc is None and header.colour is not None:
        icc = header.colour.profile()
    return Carried(icc, density=density, png_colours=header.png_colours)


def is_profile(icc: bytes | None) -> bool:
    """Whether the bytes have the length and the signature of a profile (ICC.1:2022, 7.2)."""
    return icc is not None and len(icc) >= 132 and icc[36:40] == b"acsp" and int.from_bytes(icc[:4], "big") <= len(icc)


def stating(carried: Carried, dpi: int | None) -> Carried:
    """The same with this density, in dots an inch; None leaves it as it is."""
    if dpi is None:
        return carried
    exif = with_density(carried.exif, dpi) if carried.exif else None
    return dataclasses.replace(carried, density=(dpi / 0.0254, dpi / 0.0254), exif=exif)


def fitting_to(carried: Carried, *, gray: bool) -> Carried:
    """The same with a profile that describes such pixels. For gray, a profile for colour becomes one of its tone curve,
    unless sRGB has the same; a profile for gray says nothing about colour.
    """
    if carried.icc is None:
        return carried
    space = carried.icc[16:20]
    if space == (b"GRAY" if gray else b"RGB "):
        return carried
    toned = gray_of(carried.icc) if gray and space == b"RGB " else None
    return dataclasses.replace(carried, icc=toned)
