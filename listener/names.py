"""File names that are made from other names, and must not become too long."""

from __future__ import annotations

from collections.abc import Iterable

from filterfleet.common.jobs.names import EXTENSIONS, format_of_name, output_path
from filterfleet.common.jobs.recipe import SAME, Output
from filterfleet.common.text import printable

NAME_LIMIT = 255  # bytes of UTF-8: the most that common file systems and stores accept
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
    if _bytes(source.rpartition("/")[2]) + LONGEST_TAIL <= limit:
        return None
    for output in outputs:
        image_format = format_of_name(source) if output.encoding == SAME else output.encoding
        if image_format is None:
            continue
        path = output_path(output.name, source, image_format if image_format in EXTENSIONS else "png")
        if (length := _bytes(path.rpartition("/")[2])) > limit:
            return (
                f"The name of its output {printable(output.name)} would have {length} bytes, and the output folder "
                f"takes {limit}: give the image a shorter name."
            )
    return None


def _bytes(name: str) -> int:
    return len(name.encode("utf-8", "surrogateescape"))
