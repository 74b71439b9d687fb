"""An output of a recipe as people write it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from filterfleet.common.jobs.recipe import SAME, Output, Step, Value

_USUAL = Output("", ())


def toml_of(output: Output, files: Mapping[bytes, str]) -> str:
    """TOML that common.jobs.recipe_file reads as a recipe of this output. files: by their bytes, the names of pictures
    that have to lie beside the recipe.
    """
    return "\n".join(_lines(output, files)) + "\n"


def _lines(output: Output, files: Mapping[bytes, str]) -> Iterator[str]:
    for name in dict.fromkeys(_names(output.steps, files)):
        yield f"# The picture {name} has to lie in the folder of this recipe."
    yield f"[outputs.{output.name}]"
    if output.steps:
        yield "steps = ["
        for step in output.steps:
            yield f"  {_step(step, files)},"
        yield "]"
    else:
        yield "steps = []"
    if output.encoding != SAME:
        yield f"encoding = {json.dumps(output.encoding)}"
    if output.quality != _USUAL.quality:
        yield f"quality = {output.quality}"


def _names(steps: tuple[Step, ...], files: Mapping[bytes, str]) -> Iterator[str]:
    for step in steps:
        for _name, value in step.parameters:
            if isinstance(value, bytes):
                yield files[value]


def _step(step: Step, files: Mapping[bytes, str]) -> str:
    values = [
        f"filter = {_text(step.filter)}",
        *(f"{name} = {_value(value, files)}" for name, value in step.parameters),
    ]
    return f"{{ {', '.join(values)} }}"


def _value(value: Value, files: Mapping[bytes, str]) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _number(value)
        case str():
            return _text(value)
        case bytes():
            return f"{{ file = {_text(files[value])} }}"
        case tuple():
            return f"[{', '.join(_value(each, files) for each in value)}]"


def _number(value: float) -> str:
    """TOML wants digits on both sides of a point, and Python writes 1e-05 and 1e+20 as TOML has them."""
    return repr(value)


def _text(value: str) -> str:
    """A basic string: TOML has the escapes of JSON, and one for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
