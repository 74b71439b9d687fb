"""What an engine has made of an image, as its recipe has it: which outputs there are, and the names of their files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from msgspec.structs import replace

from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs.job import EXTENSION_OF_OUTPUT, check_outputs
from filterfleet.common.jobs.names import NamedFile
from filterfleet.common.jobs.notes import sums_of
from filterfleet.common.jobs.output_options import ALWAYS
from filterfleet.common.jobs.patterns import needs_size, of_output
from filterfleet.common.jobs.recipe import Output, Recipe
from filterfleet.common.wire import OutputFile, Result

LONGEST_SIDE = 10_000_000  # pixels: more than any output has, and few enough digits for a name


def as_in(recipe: Recipe, result: Result) -> Result:
    """The result with those outputs that the image gets by the rules of the recipe, and with the names of their files.
    Outputs that it does not get have no bytes on their way here. Raises ProtocolError if the outputs are not those of
    the recipe, or their sizes in pixels, which names need, are missing. The caller closes what the result had.
    """
    check_outputs(recipe.names, result.outputs)
    if not any(output.options.name or output.options.when != ALWAYS for output in recipe.outputs):
        return result
    there = [
        number
        for number, (output, file) in enumerate(zip(recipe.outputs, result.outputs, strict=True))
        if file.size or output.options.when == ALWAYS
    ]
    sizes = result.report.get("sizes")
    files = tuple(_named(recipe.outputs[number], result.outputs[number], _size(sizes, number)) for number in there)
    payload = tuple(result.payload[number] for number in there) if result.payload else ()
    return replace(result, outputs=files, payload=payload, report=_report(result, there))


def _named(output: Output, file: OutputFile, size: tuple[int, int] | None) -> OutputFile:
    pattern = output.options.name
    if not pattern:
        return file
    if size is None and needs_size(pattern):
        raise ProtocolError("The worker does not say how large its outputs are, and their names have to.")
    width, height = size or (0, 0)
    extension = EXTENSION_OF_OUTPUT[file.format]
    name = of_output(pattern, width=width, height=height, extension=extension, output=output.name)
    return NamedFile(file.name, file.format, file.size, name)


def _size(sizes: object, number: int) -> tuple[int, int] | None:
    """A worker may report anything."""
    if not isinstance(sizes, list | tuple) or number >= len(sizes):
        return None
    size = sizes[number]
    if not isinstance(size, list | tuple) or len(size) != 2 or not all(map(_is_side, size)):
        return None
    return size[0], size[1]


def _is_side(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LONGEST_SIDE


def _report(result: Result, there: list[int]) -> Mapping[str, Any]:
    sums = sums_of(result.report, len(result.outputs))
    report = {name: value for name, value in result.report.items() if name not in ("sums", "sizes")}
    return report | ({"sums": [sums[number] for number in there]} if sums else {})
