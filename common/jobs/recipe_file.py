"""Recipes written by people, in TOML:

metadata = "strip-gps"    # keep, strip-gps (default) or strip
damaged = "refuse"        # refuse (default) or accept
auto_orient = true        # false leaves pictures as they are stored, and their metadata saying which way up they are

[outputs.soft]
steps = ["grayscale", { filter = "gaussian_blur", size = 9, sigma = 2.0 }]
encoding = "jpeg"         # same (default), jpeg, png, webp, avif, tiff, deepzoom or iiif
quality = 85
effort = 4
max_bytes = 200000        # and the other options of common.jobs.output_options

A parameter is a number, a text, true or false, a list of numbers, a matrix (a list of rows of numbers), or
{ file = "logo.png" }, which stands for the bytes of a file. Its path starts at the recipe's folder.
"""

from __future__ import annotations

import codecs
import enum
import json
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.output_options import KEYS, read_options
from filterfleet.common.jobs.recipe import (
    ENCODINGS,
    MAX_EFFORT,
    MAX_NAME,
    MAX_OUTPUTS,
    MAX_PARAMETERS,
    MAX_STEPS,
    OUTPUT_NAME,
    SAME,
    Damaged,
    Metadata,
    Output,
    Recipe,
    Step,
    Value,
)
from filterfleet.common.opening import NotAFileError, read_file
from filterfleet.common.text import did_you_mean, printable, toml_mistake
from filterfleet.common.text import shown_value as _short
from filterfleet.common.wire.codec import RECIPE_LIMIT

Check = Callable[[str, Mapping[str, Value | None]], Iterable[str]]
"""Takes the name of a filter and its parameters. Returns a sentence for each mistake.

A parameter is None when its value was wrong in itself, which has been reported already.
"""

Files = Callable[[str], bytes]
"""Takes the path of a file that a recipe names. Returns its bytes, of which RECIPE_LIMIT and one are enough.

Raises OSError or ValueError for a file that cannot be read, and RecipeError where there is a better sentence.
"""

_PAGE = "docs/recipes.md"

FILE_LIMIT = 256 << 10  # bytes of the TOML, far more than a recipe of RECIPE_LIMIT bytes can take
QUALITIES = (1, 100)
_QUALITY = Output.__dataclass_fields__["quality"].default
_TOP = ("metadata", "damaged", "auto_orient", "outputs")
_OUTPUT = ("steps", "encoding", "quality", "effort", *KEYS)


def unchecked(_filter: str, _parameters: Mapping[str, Value | None]) -> Iterable[str]:
    """A Check for those who do not know the filters: it finds nothing."""
    return ()


def read_recipe(file: Path, check: Check = unchecked) -> Recipe:
    """The recipe in a file. Raises RecipeError with every problem, each of which begins with the name of the file."""
    shown = printable(str(file))
    try:
        data = read_file(file, FILE_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file can have this name"
        raise RecipeError(f"The recipe {shown} cannot be read: {reason}.") from None
    if len(data) > FILE_LIMIT:
        raise RecipeError(f"The recipe {shown} is too large: it is over {FILE_LIMIT >> 10} KiB.")
    try:
        return parse_recipe(data, file.parent, check)
    except RecipeError as error:
        raise RecipeError(*(f"{shown}: {problem}" for problem in error.problems)) from None


def parse_recipe(data: bytes, folder: Path, check: Check = unchecked) -> Recipe:
    """The recipe in TOML. Paths of files in it start at folder. Raises RecipeError with every problem."""
    return recipe_of(toml_in(data), lambda path: read_file(folder / path, RECIPE_LIMIT + 1), check)


def toml_in(data: bytes) -> dict[str, Any]:
    """What TOML says. Raises RecipeError."""
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except RecursionError:
        raise RecipeError("It is not TOML for people: its brackets are nested too deeply.") from None
    except UnicodeDecodeError as error:
        if b"\0" in data and not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise RecipeError("It is no text, and so no recipe: recipes are written in TOML.") from None
        line = data.count(b"\n", 0, error.start) + 1
        raise RecipeError(f"It is not UTF-8, as TOML has to be (line {line}): save it with that encoding.") from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"It is not TOML: {toml_mistake(error)}.") from None
    except ValueError:
        raise RecipeError("It is not TOML for people: a number has thousands of digits.") from None


def recipe_of(raw: dict[str, Any], files: Files, check: Check = unchecked) -> Recipe:
    """The recipe that TOML says. Raises RecipeError with every problem."""
    reader = _Reader(files, check)
    recipe = reader.recipe(raw)
    if reader.problems:
        raise RecipeError(*reader.problems)
    if (size := recipe.size) > RECIPE_LIMIT:
        raise RecipeError(
            f"With all its files it takes {size} bytes, but a recipe may take {RECIPE_LIMIT}: use smaller files."
        )
    return recipe


class _Reader:
    """Builds the parts that are right and collects what is wrong with the others, so that no problem hides another."""

    def __init__(self, files: Files, check: Check) -> None:
        self.problems: list[str] = []
        self._files = files
        self._check = check

    def recipe(self, raw: dict[str, Any]) -> Recipe:
        self._unknown_keys("", raw, _TOP)
        metadata = self._choice("", raw, "metadata", _values(Metadata), Metadata.STRIP_GPS)
        damaged = self._choice("", raw, "damaged", _values(Damaged), Damaged.REFUSE)
        auto_orient = raw.get("auto_orient", True)
        if not isinstance(auto_orient, bool):
            self._say("", f"auto_orient is true or false, not {_short(auto_orient)}.")
            auto_orient = True
        outputs = raw.get("outputs")
        if not isinstance(outputs, dict) or not 1 <= len(outputs) <= MAX_OUTPUTS:
            self._say("", f"It needs 1 to {MAX_OUTPUTS} outputs, each a table [outputs.NAME].")
            outputs = outputs if isinstance(outputs, dict) else {}
        built = tuple(self._output(name, table) for name, table in islice(outputs.items(), MAX_OUTPUTS))
        return Recipe(built, Metadata(metadata), Damaged(damaged), auto_orient)

    def _output(self, name: str, table: Any) -> Output:
        where = f"Output {_short(name)}"
        if not OUTPUT_NAME.fullmatch(name):
            self._say(where, "Its name has to be 1 to 64 letters, digits, - and _, beginning with a letter or a digit.")
        if not isinstance(table, dict):
            self._say(where, "It has to be a table [outputs.NAME] with steps.")
            return Output(name, ())
        self._unknown_keys(where, table, _OUTPUT)
        steps = self._steps(where, table)
        built = [self._step(f"{where}, step {number}", step) for number, step in enumerate(steps, 1)]
        encoding = self._choice(where, table, "encoding", ENCODINGS, SAME)
        return Output(
            name,
            tuple(step for step in built if step is not None),
            encoding,
            self._integer(where, table, "quality", QUALITIES, _QUALITY),
            self._integer(where, table, "effort", (0, MAX_EFFORT), None),
            read_options(table, encoding, lambda problem: self._say(where, problem)),
        )

    def _steps(self, where: str, table: dict[str, Any]) -> list[Any]:
        steps = table.get("steps")
        if "steps" not in table:
            self._say(where, "It has no steps: write steps = [] if the image is only to be stored anew.")
        elif isinstance(steps, str):
            self._say(where, f"Its steps are a text; they have to be a list: steps = [{json.dumps(steps[:60])}].")
        elif not isinstance(steps, list):
            self._say(where, f"Its steps are {_short(steps)}; they have to be a list of filters.")
        elif len(steps) > MAX_STEPS:
            self._say(where, f"It has {len(steps)} steps; it may have {MAX_STEPS}.")
        return steps[:MAX_STEPS] if isinstance(steps, list) else []

    def _step(self, where: str, raw: Any) -> Step | None:
        table = {"filter": raw} if isinstance(raw, str) else raw
        if not isinstance(table, dict):
            self._say(where, 'A step is the name of a filter, or a table { filter = "NAME", ... }.')
            return None
        name = table.get("filter")
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME:
            self._say(where, 'A table for a step needs filter = "NAME" with the name of a filter.')
            return None
        given = {key: value for key, value in table.items() if key != "filter"}
        if len(given) > MAX_PARAMETERS or any(len(key) > MAX_NAME for key in given):
            self._say(where, f"A step has at most {MAX_PARAMETERS} parameters, with names of {MAX_NAME} characters.")
            return None
        of_filter = f"of filter {_short(name)}"
        values = {key: self._value(f"{where}: Parameter {_short(key)} {of_filter}", raw) for key, raw in given.items()}
        for problem in self._check(name, values):
            self._say(where, problem)
        return Step(name, tuple(sorted((key, value) for key, value in values.items() if value is not None)))

    def _value(self, where: str, raw: Any) -> Value | None:
        match raw:
            case bool() | str():
                return raw
            case int() | float():
                return self._number(where, raw)
            case list():
                return self._numbers(where, raw)
            case {"file": str(path)} if len(raw) == 1:
                return self._embedded(where, path)
        self._say(
            where, 'It has to be a number, a text, true or false, a list or matrix of numbers, or { file = "PATH" }.'
        )
        return None

    def _number(self, where: str, raw: float) -> float | None:
        if isinstance(raw, int) and -(2**63) <= raw < 2**64:
            return raw
        if isinstance(raw, float) and math.isfinite(raw):
            return raw
        self._say(where, "It has to be a finite number of at most 64 bits.")
        return None

    def _numbers(self, where: str, raw: list[Any]) -> Value | None:
        """A list of numbers, or a list of rows of numbers. None if it is neither, which has been reported then."""
        rows = raw if all(isinstance(row, list) for row in raw) else [raw]
        cells = [cell for row in rows for cell in row]
        if not cells or not all(type(cell) in (int, float) for cell in cells):
            self._say(where, "A list has to hold numbers, or rows of numbers.")
            return None
        if any(self._number(where, cell) is None for cell in cells):
            return None
        return tuple(tuple(row) if isinstance(row, list) else row for row in raw)

    def _embedded(self, where: str, path: str) -> bytes | None:
        shown = printable(path)
        try:
            data = self._files(path)
        except RecipeError as error:
            self._say(where, str(error))
            return None
        except NotAFileError:
            self._say(where, f"{shown} is not a file.")
            return None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no file can have this name"
            self._say(where, f"The file {shown} cannot be read: {reason}.")
            return None
        if len(data) > RECIPE_LIMIT:
            self._say(where, f"The file {shown} is over {RECIPE_LIMIT >> 10} KiB, which is all a recipe may take.")
            return None
        return data

    def _choice(self, where: str, table: dict[str, Any], key: str, known: tuple[str, ...], default: str) -> str:
        value = table.get(key, default)
        if isinstance(value, str) and value in known:
            return value
        self._say(where, f"Its {key} cannot be {_short(value)}: {did_you_mean(_short(value), known)}")
        return default

    def _integer(self, where: str, table: dict[str, Any], key: str, limits: tuple[int, int], default: Any) -> Any:
        value = table.get(key, default)
        if key not in table or (type(value) is int and limits[0] <= value <= limits[1]):
            return value
        self._say(where, f"Its {key} is {_short(value)}; it has to be an integer from {limits[0]} to {limits[1]}.")
        return default

    def _unknown_keys(self, where: str, table: dict[str, Any], known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                self._say(where, f"There is no setting {_short(key)}: {did_you_mean(key, known, _PAGE)}")

    def _say(self, where: str, problem: str) -> None:
        self.problems.append(f"{where}: {problem}" if where else problem)


def _values(choices: type[enum.StrEnum]) -> tuple[str, ...]:
    return tuple(choice.value for choice in choices)
