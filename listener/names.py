"""File names that are made from other names, and must not become too long."""

from __future__ import annotations

from collections.abc import Iterable

from filterfleet.common.jobs import patterns
from filterfleet.common.jobs.made import LONGEST_SIDE
from filterfleet.common.jobs.names import EXTENSIONS, format_of_name, output_path
from filterfleet.common.jobs.patterns import of_output, of_source
from filterfleet.common.jobs.recipe import SAME, Output
from filterfleet.common.text import printable

NAME_LIMIT = 255  # bytes of UTF-8: the most that common file systems and stores accept
LONGEST_PATTERN = 2 * patterns.LONGEST  # bytes that a pattern may add to the name of a source, and more
LONGEST_TAIL = 2 * max(len(f".{extension}") for extension in EXTENSIONS.values())  # that output_path() appends


def fitted(stem: str, tail: str) -> str:
    """stem + tail, with stem shortened at its end where the whole would exceed NAME_LIMIT."""
    while not is_short(stem + tail):
        stem = stem[:-1]
    return stem + tail


def is_short(name: str) -> bool:
    """Whether name has at most NAME_LIMIT bytes."""
    return _bytes(name) <= NAME_LIMIT


def misfit(source: str, outputs: Iterable[Output], limit: int) -> str | None:
    """A sentence if the output of a source path would have a name of more than limit bytes.

    The format of an output that keeps its source's is taken from the name, and not looked for where that has none.
    """
    if _bytes(source.rpartition("/")[2]) + max(LONGEST_TAIL, LONGEST_PATTERN) <= limit:
        return None
    for output in outputs:
        if output.options.name:
            name = of_source(_longest(output), source.rpartition("/")[2])
            if (length := _bytes(name)) > limit:
                return _too_long(output, length, limit)
            continue
        image_format = format_of_name(source) if output.encoding == SAME else output.encoding
        if image_format is None:
            continue
        path = output_path(output.name, source, image_format if image_format in EXTENSIONS else "png")
        if (length := _bytes(path.rpartition("/")[2])) > limit:
            return _too_long(output, length, limit)
    return None


def _longest(output: Output) -> str:
    """The longest that the pattern of an output can become, but for its source."""
    name = output.options.name
    return of_output(name, width=LONGEST_SIDE, height=LONGEST_SIDE, extension="tiff", output=output.name)


def _too_long(output: Output, length: int, limit: int) -> str:
    return (
        f"The name of its output {printable(output.name)} would have {length} bytes, and the output folder "
        f"takes {limit}: give the image a shorter name."
    )


def _bytes(name: str) -> int:
    return len(name.encode("utf-8", "surrogateescape"))
