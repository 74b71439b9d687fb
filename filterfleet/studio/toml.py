"""A recipe as people write it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from filterfleet.common.jobs.recipe import SAME, Damaged, Metadata, Output, Recipe, Step, Value

_USUAL = Output("", ())
_BARE = re.compile(r"[A-Za-z0-9_-]+")  # a key without quotes


def toml_of(recipe: Recipe, names: Mapping[bytes, str]) -> str:
    """TOML that common.jobs.recipe_file reads as this recipe. names: by their bytes, the paths of pictures, from the
    folder of the recipe."""
    parts = [_top(recipe, names), *(_output(output, names) for output in recipe.outputs)]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def options_of(output: Output) -> str:
    """All that an output says besides its steps, its encoding and its quality, in lines of TOML."""
    return "\n".join(_options(output))


def _top(recipe: Recipe, names: Mapping[bytes, str]) -> list[str]:
    lines = [f"# The picture {name} has to lie in the folder of this recipe." for name in _pictures(recipe, names)]
    if recipe.metadata != Metadata.STRIP_GPS:
        lines.append(f"metadata = {_text(recipe.metadata)}")
    if recipe.damaged != Damaged.REFUSE:
        lines.append(f"damaged = {_text(recipe.damaged)}")
    if not recipe.auto_orient:
        lines.append("auto_orient = false")
    return lines


def _pictures(recipe: Recipe, names: Mapping[bytes, str]) -> list[str]:
    steps = (step for output in recipe.outputs for step in output.steps)
    found = (names[value] for step in steps for _name, value in step.parameters if isinstance(value, bytes))
    return list(dict.fromkeys(found))


def _output(output: Output, names: Mapping[bytes, str]) -> list[str]:
    steps = [f"  {_step(step, names)}," for step in output.steps]
    lines = [f"[outputs.{output.name}]", *(["steps = [", *steps, "]"] if steps else ["steps = []"])]
    if output.encoding != SAME:
        lines.append(f"encoding = {_text(output.encoding)}")
    if output.quality != _USUAL.quality:
        lines.append(f"quality = {output.quality}")
    return [*lines, *_options(output)]


def _options(output: Output) -> Iterator[str]:
    if output.effort is not None:
        yield f"effort = {output.effort}"
    for name, value in output.options.given().items():
        yield f"{name} = {_plain(value)}"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {_plain(each)}' for name, each in value.items())} }}"
    return _list(value, {}) if isinstance(value, list) else _value(value, {})


def _step(step: Step, names: Mapping[bytes, str]) -> str:
    if not step.parameters:
        return _text(step.filter)
    given = [f"{_key(name)} = {_value(value, names)}" for name, value in step.parameters]
    return f"{{ {', '.join([f'filter = {_text(step.filter)}', *given])} }}"


def _value(value: Value, names: Mapping[bytes, str]) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)  # 1e-05 and 1e+20 as TOML has them, and digits on both sides of a point
        case str():
            return _text(value)
        case bytes():
            return f"{{ file = {_text(names[value])} }}"
        case tuple():
            return _list(value, names)


def _list(values: Sequence[Value], names: Mapping[bytes, str]) -> str:
    return f"[{', '.join(_value(each, names) for each in values)}]"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    """A basic string: TOML has the escapes of JSON, and one for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
