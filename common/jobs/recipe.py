"""Recipes: named outputs, each of which is a chain of filter steps and an encoding.

This is data only. worker.filters knows the filters and runs them.
"""

from __future__ import annotations

import enum
import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import msgpack

from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.output_options import KEYS, NO_OPTIONS, TILED, Options, read_options
from filterfleet.common.jobs.sourced import LONGEST, mentioned, said_of, valid
from filterfleet.common.words import ABILITY

SAME = "same"  # encode in the format of the source
ENCODINGS = (SAME, "jpeg", "png", "webp", "avif", "tiff", *TILED)
_STORED = ABILITY + "auto_orient"
_SOURCED = ABILITY + "source_name"
ABILITIES = frozenset({_STORED, _SOURCED, *(ABILITY + name for name in (*KEYS, *TILED))})  # of this version's workers
MAX_EFFORT = 9
MAX_OUTPUTS = 64
MAX_STEPS = 64
MAX_PARAMETERS = 64  # of a step
MAX_NAME = 64  # characters of the name of a filter or of a parameter, as on the wire
LISTS = 2  # levels of lists in a parameter: a matrix is a list of rows
OUTPUT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

Scalar = int | float | str | bool | bytes
Value = Scalar | tuple["Value", ...]  # a tuple is a list of numbers, or a matrix as a tuple of rows


class Metadata(enum.StrEnum):
    """How much of the source's EXIF and XMP the outputs keep. Colour profiles are always kept."""

    KEEP = "keep"
    STRIP_GPS = "strip-gps"
    STRIP = "strip"


class Damaged(enum.StrEnum):
    """What happens to a file that can be decoded only in part."""

    REFUSE = "refuse"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True)
class Step:
    """One filter, with those parameters that were given, sorted by name. The others have their defaults."""

    filter: str
    parameters: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """A named result, which becomes a folder in the output.

    encoding is one of ENCODINGS. quality, 1 to 100, is for JPEG, WebP and AVIF: more looks better, less makes smaller
    files. effort goes from 0 to 9: more makes smaller files, less is faster, and None leaves it to the format. options
    are all else that it may say.
    """

    name: str
    steps: tuple[Step, ...]
    encoding: str = SAME
    quality: int = 90
    effort: int | None = None
    options: Options = NO_OPTIONS

    @property
    def abilities(self) -> frozenset[str]:
        """What a worker must be able to do for this output, besides filters."""
        given = {*self.options.given()} | ({self.encoding} & {*TILED})
        return frozenset(ABILITY + name for name in given)

    @property
    def mentioned(self) -> frozenset[str]:
        """What its texts mention of the name of an image: fields of common.jobs.sourced."""
        return mentioned((step.filter, step.parameters) for step in self.steps)


@dataclass(frozen=True)  # without slots, for the values that are computed once: a listener asks for them for each image
class Recipe:
    outputs: tuple[Output, ...]
    metadata: Metadata = Metadata.STRIP_GPS
    damaged: Damaged = Damaged.REFUSE
    auto_orient: bool = True  # whether pictures are turned as their metadata say; otherwise pixels stay as stored
    source: tuple[tuple[str, str], ...] = ()  # what its texts mention of an image's name; () until it is completed

    @property
    def filters(self) -> frozenset[str]:
        """The names of all filters that a worker needs to run this recipe."""
        return frozenset(step.filter for output in self.outputs for step in output.steps)

    @property
    def needs(self) -> frozenset[str]:
        """All that a worker needs to run this recipe: filters, and abilities that workers have not always had."""
        oriented = set() if self.auto_orient else {_STORED}
        sourced = {_SOURCED} if self.mentioned else set()
        return self.filters.union(oriented, sourced, *(output.abilities for output in self.outputs))

    @cached_property
    def mentioned(self) -> frozenset[str]:
        """What the texts of its outputs mention of the name of an image."""
        return frozenset().union(*(output.mentioned for output in self.outputs))

    def of(self, path: str) -> Recipe:
        """The recipe for an image with this path below its source: this one, unless it mentions the image's name."""
        fields = self.mentioned
        return replace(self, source=tuple(said_of(path, fields).items())) if fields else self

    @property
    def size(self) -> int:
        """Bytes that it takes at most, whatever the image is called: four for a letter, and some for the field."""
        return len(self.to_bytes()) + len(self.mentioned) * (4 * LONGEST + 16)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the outputs, in order."""
        return tuple(output.name for output in self.outputs)

    def to_bytes(self) -> bytes:
        """The canonical form: equal recipes give equal bytes. What does not use an option has the form that it had
        before there was one, so that its digest stays."""
        outputs = [_plain(output) for output in self.outputs]
        options: dict[str, Any] = {} if self.auto_orient else {"auto_orient": False}
        if self.source:
            options["source"] = dict(self.source)
        packed: bytes = msgpack.packb([outputs, self.metadata, self.damaged, *([options] if options else [])])
        return packed

    @cached_property
    def digest(self) -> bytes:
        """8 bytes of a sha256, which change whenever the recipe does."""
        return hashlib.sha256(self.to_bytes()).digest()[:8]

    @classmethod
    def from_bytes(cls, data: bytes) -> Recipe:
        """The inverse of to_bytes, for bytes that may come from anybody. Raises RecipeError.

        Depth and numbers are bounded here, and the size is where bytes arrive (RECIPE_LIMIT of the wire), so everything
        that is done with a recipe later takes little time.
        """
        try:
            raw = msgpack.unpackb(data, max_ext_len=0)
        except (ValueError, msgpack.UnpackException) as error:
            raise RecipeError(f"The recipe cannot be read: {error}.") from None
        match raw:
            case [list(outputs), str(metadata), str(damaged), *rest] if (
                metadata in set(Metadata) and damaged in set(Damaged) and (whole := _whole(rest)) is not None
            ):
                made = tuple(_output(item) for item in outputs)
                recipe = cls(made, Metadata(metadata), Damaged(damaged), *whole)
            case _:
                raise RecipeError("The recipe is not outputs with a policy for metadata and for damaged files.")
        if not 1 <= len(recipe.outputs) <= MAX_OUTPUTS:
            raise RecipeError(f"A recipe has 1 to {MAX_OUTPUTS} outputs.")
        if len({output.name for output in recipe.outputs}) != len(recipe.outputs):
            raise RecipeError("Two outputs of the recipe have the same name.")
        return recipe


def _whole(rest: list[Any]) -> tuple[bool, tuple[tuple[str, str], ...]] | None:
    """auto_orient and source; None for what this version does not know."""
    if not rest:
        return True, ()
    if len(rest) > 1 or not isinstance(rest[0], dict) or not rest[0] or not rest[0].keys() <= {"auto_orient", "source"}:
        return None
    said = valid(rest[0]["source"]) if "source" in rest[0] else {}
    if said is None or rest[0].get("auto_orient", False) is not False:
        return None
    return "auto_orient" not in rest[0], tuple(sorted(said.items()))


def _plain(output: Output) -> list[Any]:
    steps = [[step.filter, dict(sorted(step.parameters))] for step in output.steps]
    options = output.options.given()
    return [output.name, steps, output.encoding, output.quality, output.effort, *([options] if options else [])]


def _output(raw: Any) -> Output:
    match raw:
        case [str(name), list(steps), str(encoding), int(quality), effort, *rest] if OUTPUT_NAME.fullmatch(name):
            if encoding not in ENCODINGS:
                raise RecipeError(f"Output {name!r} has the unknown encoding {encoding!r}.")
            if isinstance(quality, bool) or not 1 <= quality <= 100:
                raise RecipeError(f"Output {name!r} has quality {quality}; it goes from 1 to 100.")
            if effort is not None and (type(effort) is not int or not 0 <= effort <= MAX_EFFORT):
                raise RecipeError(f"Output {name!r} has effort {effort!r}; it goes from 0 to {MAX_EFFORT}.")
            if len(steps) > MAX_STEPS:
                raise RecipeError(f"Output {name!r} has more than {MAX_STEPS} steps.")
            return Output(name, tuple(map(_step, steps)), encoding, quality, effort, _options(name, encoding, rest))
    raise RecipeError("An output of the recipe lacks a valid name, steps, encoding, quality or effort.")


def _options(name: str, encoding: str, rest: list[Any]) -> Options:
    match rest:
        case []:
            options: dict[Any, Any] = {}
        case [dict(options)] if options and options.keys() <= {*KEYS}:
            pass
        case _:
            raise RecipeError(f"Output {name!r} has options that this version does not know.")
    problems: list[str] = []
    found = read_options(options, encoding, problems.append)
    if problems:
        raise RecipeError(*(f"Output {name!r}: {problem}" for problem in problems))
    return found


def _step(raw: Any) -> Step:
    match raw:
        case [str(name), dict(parameters)] if len(name) <= MAX_NAME and len(parameters) <= MAX_PARAMETERS:
            return Step(name, _parameters(name, parameters))
    raise RecipeError(f"A step of the recipe is not a filter name with at most {MAX_PARAMETERS} parameters.")


def _parameters(name: str, raw: Mapping[Any, Any]) -> tuple[tuple[str, Value], ...]:
    parameters = {}
    for key, value in raw.items():
        if not isinstance(key, str) or len(key) > MAX_NAME:
            raise RecipeError(f"Filter {name!r} has a parameter that is not a name with a plain value.")
        parameters[key] = _value(name, value, LISTS)
    return tuple(sorted(parameters.items()))


def _value(name: str, raw: Any, levels: int) -> Value:
    if isinstance(raw, list) and levels > 0:
        return tuple(_value(name, item, levels - 1) for item in raw)
    if isinstance(raw, float) and not math.isfinite(raw):
        raise RecipeError(f"Filter {name!r} has a parameter that is not a finite number.")
    if not isinstance(raw, Scalar):
        raise RecipeError(f"Filter {name!r} has a parameter that is not a name with a plain value.")
    return raw


_GRAY = Step("grayscale")

DEFAULT = Recipe(
    (
        Output("grayscale", (_GRAY,)),
        Output("blur", (Step("gaussian_blur", (("sigma", 1.4), ("size", 5))),)),
        Output("edges", (_GRAY, Step("canny", (("high", 200), ("low", 100)))), encoding="png"),
    )
)
