"""What the studio shows of filters, and the recipe that somebody has put together there."""

from __future__ import annotations

import base64
import binascii
import contextlib
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.recipe import ENCODINGS, MAX_STEPS, Output, Recipe, Step, Value
from filterfleet.common.wire.codec import RECIPE_LIMIT
from filterfleet.worker.filters import Filter, catalogue, check_recipe
from filterfleet.worker.filters.parameters import (
    Boolean,
    Choice,
    Color,
    Integer,
    Kernel,
    Number,
    Parameter,
    Picture,
    Points,
    Text,
)

NAME = "result"  # of the one output that is tried
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")
_PIXELS = 400  # what a required number of pixels begins with


def described() -> list[dict[str, Any]]:
    """Every filter with its parameters, as plain values. A filter is left out if it needs a value of a kind that a
    plugin has invented: there is nothing to begin with; and if its plugin fails to say what it takes, which
    `filters --check` tells."""
    found = []
    for each in catalogue():
        with contextlib.suppress(Exception):
            found.append(_filter(each))
    return [shown for shown in found if shown is not None]


def _filter(found: Filter) -> dict[str, Any] | None:
    parameters = [_parameter(name, each) for name, each in found.parameters.items()]
    if not all("initial" in each for each in parameters):
        return None
    _begin(found, parameters)
    return {"name": found.name, "summary": found.summary, "details": found.details, "parameters": parameters}


def _begin(found: Filter, parameters: list[dict[str, Any]]) -> None:
    """Where the defaults do not do together, as with a crop that needs some size, one number of them is another."""
    initial = {each["name"]: each["initial"] for each in parameters}
    if None in initial.values() or not found.refuses(**initial):
        return
    for each in parameters:
        if each["kind"] == "integer" and not found.refuses(**initial | {each["name"]: _PIXELS}):
            each["initial"] = min(max(_PIXELS, each["minimum"]), each["maximum"])
            return


def _parameter(name: str, parameter: Parameter) -> dict[str, Any]:
    default = parameter.default
    shown = {"name": name, "takes": parameter.describe(), "default": _plain(default), **dict(_kind(parameter))}
    if default is not None and not isinstance(default, bytes):
        shown["initial"] = shown["default"]
    return shown


def _kind(parameter: Parameter) -> Iterator[tuple[str, Any]]:
    """Its control, its range, and what it begins with if it has no default."""
    match parameter:
        case Integer():
            yield from _range("integer", parameter)
            yield "odd", parameter.odd
            yield "initial", min(max(_PIXELS, parameter.minimum), parameter.maximum)
        case Number():
            yield from _range("number", parameter)
            yield "initial", min(max(1.0, parameter.minimum), parameter.maximum)
        case Boolean():
            yield from (("kind", "boolean"), ("initial", False))
        case Choice():
            yield from (("kind", "choice"), ("choices", list(parameter.choices)), ("initial", parameter.choices[0]))
        case Text():
            yield from (("kind", "text"), ("most", parameter.limit), ("initial", "filterfleet"))
        case Color():
            yield from (("kind", "color"), ("initial", "#808080"))
        case Kernel():
            yield from (("kind", "numbers"), ("initial", [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]))
        case Points():
            yield from (("kind", "numbers"), ("initial", [[0, 0], [50, 60], [100, 100]]))
        case Picture():
            yield from (("kind", "picture"), ("initial", None))
        case _:
            yield "kind", "text" if isinstance(parameter.default, str) else "numbers"


def _range(kind: str, parameter: Integer | Number) -> Iterator[tuple[str, Any]]:
    yield "kind", kind
    yield "minimum", parameter.minimum
    yield "maximum", parameter.maximum
    yield "unit", parameter.unit


def _plain(value: Value | None) -> Any:
    match value:
        case bytes():
            return None
        case tuple():
            return [_plain(each) for each in value]
    return value


class Asked:
    """A recipe of one output, as the page sends it:

    {"steps": [{"filter": NAME, "values": {NAME: VALUE}}], "encoding": NAME, "quality": NUMBER}

    where a VALUE is what JSON has, or {"file": NAME, "data": BASE64}. files has the names of such pictures.
    """

    def __init__(self, raw: Mapping[Any, Any]) -> None:
        """Raises RecipeError, with every problem."""
        self.files: dict[bytes, str] = {}
        steps = raw.get("steps")
        if not isinstance(steps, list) or len(steps) > MAX_STEPS:
            raise RecipeError(f"A recipe has 0 to {MAX_STEPS} steps.")
        built = [self._step(number, step) for number, step in enumerate(steps, 1)]
        output = Output(NAME, tuple(built), raw.get("encoding", ENCODINGS[0]), raw.get("quality", 90))
        self.recipe = _canonical(Recipe((output,)))
        check_recipe(self.recipe)
        if (size := self.recipe.size) > RECIPE_LIMIT:  # what is tried here has to be a recipe elsewhere, too
            raise RecipeError(
                f"With its pictures it takes {size} bytes, but a recipe may take {RECIPE_LIMIT}: use smaller pictures."
            )

    @property
    def output(self) -> Output:
        return self.recipe.outputs[0]

    def _step(self, number: int, raw: Any) -> Step:
        match raw:
            case {"filter": str(name), "values": dict(values)}:
                found = {str(key): self._value(f"Step {number}, {key}", value) for key, value in values.items()}
                return Step(name, tuple(sorted(found.items())))
        raise RecipeError(f"Step {number} is no filter with its values.")

    def _call(self, data: bytes, name: str) -> None:
        """Two pictures of one name come from two folders, and have to lie in one."""
        taken = {name.lower() for other, name in self.files.items() if other != data}
        numbered = (f"{number}-{name}" for number in itertools.count(2))
        self.files[data] = next(each for each in itertools.chain([name], numbered) if each.lower() not in taken)

    def _value(self, where: str, raw: Any) -> Value:
        match raw:
            case {"file": str(name), "data": str(text)}:
                try:
                    data = base64.b64decode(text, validate=True)
                except binascii.Error:
                    raise RecipeError(f"{where}: the picture is no base64.") from None
                self._call(data, name if _FILE.fullmatch(name) else "picture")
                return data
            case list():
                return tuple(self._value(where, each) for each in raw)
            case bool() | int() | float() | str():
                return raw
        raise RecipeError(f"{where}: choose a value.")


def _canonical(recipe: Recipe) -> Recipe:
    """The recipe as it comes out of a message, in which everything is bounded. Raises RecipeError."""
    try:
        data = recipe.to_bytes()
    except (OverflowError, ValueError, TypeError):
        raise RecipeError("A number of the recipe takes more than 64 bits, or a name is no text.") from None
    return Recipe.from_bytes(data)
