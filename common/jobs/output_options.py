"""What an output may say besides its steps, its encoding, its quality and its effort: how its file is stored, how it is
called, and which images get it. Data, and the check of it, for recipes that people write and for those from the wire.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from filterfleet.common.jobs.extensions import FORMAT_OF_EXTENSION
from filterfleet.common.jobs.patterns import wrong_with
from filterfleet.common.text import did_you_mean, shown_value

CHROMA = ("4:4:4", "4:2:2", "4:2:0")
FIRST, ALL = "first", "all"  # pages
DEEPZOOM, IIIF = TILED = ("deepzoom", "iiif")  # encodings: a pyramid of tiles

DPI = (1, 30_000)
# Bytes. The least is more than the headers of any format take; the most is what nobody would call small.
MAX_BYTES = (1_000, 1_000_000_000)
SIDE = (1, 1_000_000)  # pixels

ADDRESS = 500  # characters of an id. More: tiles could have addresses that servers refuse. Less: long ones are refused.
_ADDRESS = re.compile(
    r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
)
_EXAMPLE = 'id = "https://example.org/iiif"'

# The encodings that know an option. "same" may turn out to be any of them.
_KNOWING = {
    "lossless": ("same", "webp", "avif", DEEPZOOM),
    "chroma": ("same", "jpeg", "avif", *TILED),
    "progressive": ("same", "jpeg"),
    "dpi": ("same", "jpeg", "png", "tiff"),
    "max_bytes": ("same", "jpeg", "webp", "avif"),
    "pages": ("jpeg", "png", "webp", "avif", "tiff"),
    "id": (IIIF,),
}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class When:
    """Which images get an output: those whose sides, in pixels and upright, and whose format are as it says."""

    min_width: int | None = None
    max_width: int | None = None
    min_height: int | None = None
    max_height: int | None = None
    format: tuple[str, ...] = ()

    def admits(self, width: int, height: int, image_format: str) -> bool:
        """Whether an image of this size and format gets the output."""
        return (
            (self.min_width or 0) <= width <= (self.max_width or width)
            and (self.min_height or 0) <= height <= (self.max_height or height)
            and (not self.format or image_format in self.format)
        )


ALWAYS = When()


@dataclass(frozen=True, slots=True)
class Options:
    """lossless, for WebP, AVIF and the tiles of a deep zoom: no sample changes. chroma, for JPEG, AVIF and tiles, is
    how densely colour is stored. progressive is for JPEG. dpi is what JPEG, PNG and TIFF claim of dots an inch.
    max_bytes lowers the quality until the file is that small. pages: "first", or "all" that a TIFF has. name is a
    pattern (common.jobs.patterns) for the names of files; "" leaves them as they are. id is the address below which
    the tiles of IIIF will be on the web; these need one.
    """

    lossless: bool = False
    chroma: str | None = None
    progressive: bool = False
    dpi: int | None = None
    max_bytes: int | None = None
    pages: str = FIRST
    name: str = ""
    when: When = ALWAYS
    id: str = ""

    def given(self) -> dict[str, Any]:
        """Those that are not as they are by default, as plain values."""
        found = _given(self)
        if self.when != ALWAYS:
            found["when"] = _given(self.when)
        return found

    def known_to(self, encoding: str) -> Options:
        """Those of them that this encoding knows, the others as they are by default: what becomes of an output with the
        encoding "same" that turns out to be this one."""
        others: dict[str, Any] = {
            field.name: field.default for field in fields(self) if encoding not in _KNOWING.get(field.name, (encoding,))
        }
        return replace(self, **others)


NO_OPTIONS = Options()
KEYS = tuple(field.name for field in fields(Options))
_WHEN_KEYS = tuple(field.name for field in fields(When))


def _given(value: Options | When) -> dict[str, Any]:
    named = ((field.name, getattr(value, field.name), field.default) for field in fields(value))
    return {name: list(given) if isinstance(given, tuple) else given for name, given, usual in named if given != usual}


def read_options(table: Mapping[str, Any], encoding: str, say: Say) -> Options:
    """The options in the table of an output, whose other keys are ignored. say is called with a sentence for each
    mistake."""
    reader = _Reader(table, say)
    found = Options(
        lossless=reader.boolean("lossless"),
        chroma=reader.choice("chroma", CHROMA, None),
        progressive=reader.boolean("progressive"),
        dpi=reader.integer("dpi", DPI),
        max_bytes=reader.integer("max_bytes", MAX_BYTES),
        pages=reader.choice("pages", (FIRST, ALL), FIRST) or FIRST,
        name=reader.name(),
        when=reader.when(),
        id=reader.address("id"),
    )
    for key, value in found.given().items():
        knowing = _KNOWING.get(key)
        if knowing is not None and encoding not in knowing:
            say(f"Its encoding {encoding} knows no {key} = {shown_value(value)}: that is for {_either(knowing)}.")
    if encoding == IIIF and "id" not in table:
        say(f"Its encoding iiif needs the address below which its tiles will be on the web, such as {_EXAMPLE}.")
    if found.chroma == "4:2:2" and encoding == "avif":
        say("AVIF is stored with chroma 4:4:4 or 4:2:0.")
    if found.lossless and found.max_bytes is not None:
        say("A lossless file has no quality that max_bytes could lower: give one of the two.")
    if found.lossless and found.chroma not in (None, "4:4:4"):
        say(f"With chroma {found.chroma} colour is lost: leave lossless or chroma out.")
    return found


def _either(names: tuple[str, ...]) -> str:
    shown = [name for name in names if name != "same"]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


@dataclass(frozen=True, slots=True)
class _Reader:
    table: Mapping[str, Any]
    say: Say

    def boolean(self, key: str) -> bool:
        value = self.table.get(key, False)
        if isinstance(value, bool):
            return value
        self.say(f"Its {key} is {shown_value(value)}; it has to be true or false.")
        return False

    def choice(self, key: str, known: tuple[str, ...], default: str | None) -> str | None:
        value = self.table.get(key, default)
        if value is None and default is None and key not in self.table:
            return None
        if isinstance(value, str) and value in known:
            return value
        self.say(f"Its {key} cannot be {shown_value(value)}: {did_you_mean(shown_value(value), known)}")
        return default

    def integer(self, key: str, limits: tuple[int, int]) -> int | None:
        value = self.table.get(key)
        if key not in self.table or (type(value) is int and limits[0] <= value <= limits[1]):
            return value
        self.say(f"Its {key} is {shown_value(value)}; it has to be an integer from {limits[0]} to {limits[1]}.")
        return None

    def name(self) -> str:
        value = self.table.get("name", "")
        if value == "" and "name" not in self.table:
            return ""
        if not isinstance(value, str):
            self.say(f"Its name is {shown_value(value)}; it has to be a text.")
            return ""
        problem = wrong_with(value)
        if problem is None:
            return value
        self.say(f"Its name {shown_value(value)} cannot be used. {problem}.")
        return ""

    def address(self, key: str) -> str:
        value = self.table.get(key, "")
        if key not in self.table or (isinstance(value, str) and len(value) <= ADDRESS and _ADDRESS.fullmatch(value)):
            return str(value).rstrip("/")
        self.say(
            f"Its {key} is {shown_value(value)}; it has to be an address of at most {ADDRESS} characters that begins "
            f"with https:// or http:// and has neither ? nor #, such as {_EXAMPLE}."
        )
        return ""

    def when(self) -> When:
        table = self.table.get("when", {})
        if not isinstance(table, dict):
            self.say("Its when has to be a table, such as { min_width = 1000 }.")
            return ALWAYS
        inner = _Reader(table, lambda problem: self.say(f"Its when: {problem}"))
        for key in table:
            if key not in _WHEN_KEYS:
                inner.say(f"There is no condition {shown_value(key)}: {did_you_mean(str(key), _WHEN_KEYS)}")
        sides = {key: inner.integer(key, SIDE) for key in _WHEN_KEYS if key != "format"}
        for side in ("width", "height"):
            low, high = sides[f"min_{side}"], sides[f"max_{side}"]
            if low and high and low > high:
                inner.say(f"No image has a {side} from {low} to {high} pixels.")
        return When(**sides, format=inner.formats())

    def formats(self) -> tuple[str, ...]:
        value = self.table.get("format", [])
        given = [value] if isinstance(value, str) else value
        is_empty = "format" in self.table and given == []  # of no format would be no image, and is not meant
        if is_empty or not isinstance(given, list) or not all(isinstance(name, str) for name in given):
            self.say('Its format has to be a list of names, such as ["jpeg", "tiff"].')
            return ()
        known = tuple(dict.fromkeys(FORMAT_OF_EXTENSION.values()))
        for name in given:
            if name not in known:
                self.say(f"There is no format {shown_value(name)}: {did_you_mean(name, known)}")
        return tuple(sorted(set(given)))
