"""What a camera writes down with a picture, in words: EXIF 2.32."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

from filterfleet.common.text import printable
from filterfleet.worker.formats.ifd import ASCII, RATIONAL, Directories, Entry

_PHOTO = 0x8769  # where the directory about the photograph is
_TAKEN, _CHANGED = 0x9003, 0x0132  # DateTimeOriginal, DateTime
_MAIN_TEXTS = {"make": 0x010F, "model": 0x0110, "artist": 0x013B, "copyright": 0x8298}
_LENS, _ISO, _EXPOSURE, _APERTURE, _FOCAL = 0xA434, 0x8827, 0x829A, 0x829D, 0x920A
_DATE = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)")
_LONGEST = 100  # characters of a text


def fields(exif: bytes | None) -> Mapping[str, str]:
    """The fields of a text (worker.filters.wording) that the EXIF has. date is as 2026-11-28 09:30:00."""
    if exif is None:
        return {}
    directories = Directories(exif)
    main = directories.entries(directories.first)
    pointer = main.get(_PHOTO)
    photo = directories.entries(pointer.number if pointer else None)
    iso = photo.get(_ISO)
    found = {name: _text(main.get(tag)) for name, tag in _MAIN_TEXTS.items()} | {
        "date": _date(_text(photo.get(_TAKEN)) or _text(main.get(_CHANGED))),
        "lens": _text(photo.get(_LENS)),
        "iso": str(iso.number) if iso and iso.number else "",
        "exposure": _seconds(_ratio(photo.get(_EXPOSURE))),
        "aperture": _shown("f/{:.2g}", _ratio(photo.get(_APERTURE))),
        "focal": _shown("{:.0f} mm", _ratio(photo.get(_FOCAL))),
    }
    return {name: text for name, text in found.items() if text}


def _text(entry: Entry | None) -> str:
    if entry is None or entry.kind != ASCII:
        return ""
    return printable(entry.value.split(b"\0")[0].decode("utf-8", "replace")).strip()[:_LONGEST]


def _date(text: str) -> str:
    found = _DATE.match(text)
    return "{}-{}-{} {}:{}:{}".format(*found.groups()) if found and found[1] != "0000" else ""


def _ratio(entry: Entry | None) -> float:
    """0 if there is none."""
    if entry is None or entry.kind != RATIONAL or entry.length != 1:
        return 0.0
    above, below = struct.unpack("<II", entry.value)
    return above / below if below else 0.0


def _shown(form: str, value: float) -> str:
    return form.format(value) if value else ""


def _seconds(value: float) -> str:
    if not value:
        return ""
    return f"{value:g} s" if value >= 0.3 else f"1/{round(1 / value)} s"
