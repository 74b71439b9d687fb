"""The parameters of filters: which values each accepts, and the words that say so."""

from __future__ import annotations

import itertools
import re
import reprlib
import unicodedata
from dataclasses import dataclass
from typing import Any, Protocol

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Value
from filterfleet.common.wire.fields import RECIPE_LIMIT
from filterfleet.worker.filters import picture

_RISE = 0.01  # percent between two points of a curve, at least: less than the distance of two levels of 12 bits
_LINE = 80  # characters of a value that a sentence shows at most


class Parameter(Protocol):
    """One parameter of a filter. Write a class like this for a kind that is missing below."""

    @property
    def default(self) -> Value | None:
        """None means that a recipe has to give a value."""

    def check(self, value: Value) -> str | None:
        """None for a valid value, else the end of a sentence: "takes ..., not ..."."""

    def describe(self) -> str:
        """The valid values, for the catalogue: "odd integer from 1 to 255 (pixels)"."""


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer from minimum to maximum, both included; only odd ones with odd."""

    default: int | None
    minimum: int
    maximum: int
    unit: str = ""
    odd: bool = False

    def check(self, value: Value) -> str | None:
        if type(value) is not int or not self.minimum <= value <= self.maximum or (self.odd and value % 2 == 0):
            return f"takes an {self.describe()}, not {_short(value)}"
        return None

    def describe(self) -> str:
        kind = "odd integer" if self.odd else "integer"
        return f"{kind} from {self.minimum} to {self.maximum}{_unit(self.unit)}"


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number from minimum to maximum, both included; integers count."""

    default: float | None
    minimum: float
    maximum: float
    unit: str = ""

    def check(self, value: Value) -> str | None:
        if type(value) not in (int, float) or not self.minimum <= value <= self.maximum:  # type: ignore[operator]
            return f"takes a {self.describe()}, not {_short(value)}"
        return None

    def describe(self) -> str:
        return f"number from {self.minimum:g} to {self.maximum:g}{_unit(self.unit)}"


@dataclass(frozen=True, slots=True)
class Boolean:
    """true or false."""

    default: bool | None

    def check(self, value: Value) -> str | None:
        return None if isinstance(value, bool) else f"takes {self.describe()}, not {_short(value)}"

    def describe(self) -> str:
        return "true or false"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several words."""

    default: str | None
    choices: tuple[str, ...]

    def check(self, value: Value) -> str | None:
        if not isinstance(value, str) or value not in self.choices:
            return f"takes {self.describe()}, not {_short(value)}"
        return None

    def describe(self) -> str:
        return f"one of {', '.join(self.choices)}"


@dataclass(frozen=True, slots=True)
class Text:
    """One line of printable text, not blank, of at most limit characters. Spaces may be of any kind: those that break
    no line come with many a text.
    """

    default: str | None
    limit: int

    def check(self, value: Value) -> str | None:
        if not isinstance(value, str) or not value.strip() or len(value) > self.limit:
            return f"takes {self.describe()}, not {_short(value)}"
        if unseen := next(
            (each for each in value if not (each.isprintable() or unicodedata.category(each) == "Zs")), ""
        ):
            return f"takes {self.describe()}, and {unseen!r} cannot be printed"
        return None

    def describe(self) -> str:
        return f"one line of text, 1 to {self.limit} characters"


@dataclass(frozen=True, slots=True)
class Color:
    """Red, green and blue in sRGB, as "#rrggbb"; or the word, if there is one."""

    default: str | None
    word: str = ""

    def check(self, value: Value) -> str | None:
        if self.word and value == self.word:
            return None
        if not isinstance(value, str) or not re.fullmatch("#[0-9a-fA-F]{6}", value):
            return f"takes a {self.describe()}, not {_short(value)}"
        return None

    def describe(self) -> str:
        return f'color "#rrggbb" or "{self.word}"' if self.word else 'color "#rrggbb"'


def is_colourful(color: str, **_values: Any) -> bool:
    """Whether "#rrggbb" is more than a gray."""
    return len({color[1:3], color[3:5], color[5:7]}) > 1


@dataclass(frozen=True, slots=True)
class Kernel:
    """A matrix as a tuple of rows, all equally long. Both sides are odd, so that it has a middle, and at most side
    long; no number is larger than magnitude, whatever its sign.
    """

    default: tuple[tuple[float, ...], ...] | None
    side: int
    magnitude: float

    def check(self, value: Value) -> str | None:
        if not isinstance(value, tuple) or not self._is_side(len(value)) or not all(map(self._is_row, value)):
            return f"takes a {self.describe()}, not {_short(value)}"
        if len({len(row) for row in value if isinstance(row, tuple)}) > 1:
            return "takes a matrix with rows of equal length"
        return None

    def _is_side(self, length: int) -> bool:
        return length % 2 == 1 and length <= self.side

    def _is_row(self, row: Value) -> bool:
        return isinstance(row, tuple) and self._is_side(len(row)) and all(map(self._is_weight, row))

    def _is_weight(self, weight: Value) -> bool:
        return type(weight) in (int, float) and abs(weight) <= self.magnitude  # type: ignore[arg-type]

    def describe(self) -> str:
        limit = f"{-self.magnitude:g} to {self.magnitude:g}"
        return f"matrix of numbers from {limit}, each side odd and at most {self.side}"


@dataclass(frozen=True, slots=True)
class Points:
    """The points of a curve, as a tuple of pairs of numbers from 0 to 100; the first numbers rise from pair to pair, by
    0.01 or more.
    """

    default: tuple[tuple[float, float], ...] | None
    most: int

    def check(self, value: Value) -> str | None:
        if not isinstance(value, tuple) or not 2 <= len(value) <= self.most or not all(map(self._is_point, value)):
            return f"takes {self.describe()}, not {_short(value)}"
        firsts = [point[0] for point in value if isinstance(point, tuple)]
        if any(after - before < _RISE for before, after in itertools.pairwise(firsts)):  # type: ignore[operator]
            return f"takes points whose first numbers rise by {_RISE:g} or more"
        return None

    def _is_point(self, point: Value) -> bool:
        return (
            isinstance(point, tuple)
            and len(point) == 2
            and all(type(each) in (int, float) and 0 <= each <= 100 for each in point)  # type: ignore[operator]
        )

    def describe(self) -> str:
        return f"2 to {self.most} points, [before, after], each in percent from 0 to 100"


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of a small PNG, JPEG or WebP file (see worker.filters.picture)."""

    default: bytes | None = None

    def check(self, value: Value) -> str | None:
        if isinstance(value, str):
            return f"takes {self.describe()}, which a recipe gives as {{ file = {_short(value)} }}"
        if not isinstance(value, bytes):
            return f"takes {self.describe()}, not {_short(value)}"
        try:
            picture.decode(value)
        except ImageError as error:
            return f"takes {self.describe()}: {str(error)[0].lower()}{str(error)[1:-1]}"
        return None

    def describe(self) -> str:
        # Recipes in Python may have larger ones, up to picture.MAX_BYTES; files have no room for them.
        size, pixels = RECIPE_LIMIT // 1024 - 1, picture.MAX_PIXELS // 1_000_000
        return f"a PNG, JPEG or WebP picture of at most {size} KiB and {pixels} megapixel"


def _unit(unit: str) -> str:
    return f" ({unit})" if unit else ""


def _as_lists(value: Value) -> Any:
    """As people write it."""
    return [_as_lists(each) for each in value] if isinstance(value, tuple) else value


def _short(value: Value) -> str:
    """A value as a sentence shows it: at most a line of it. Anybody may have sent it, and it may be huge. Of bytes,
    only their number is shown.
    """
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 64:
        return f"an integer of {value.bit_length()} bits"
    shown = reprlib.repr(_as_lists(value))
    return shown if len(shown) <= _LINE else shown[:_LINE] + "..."
