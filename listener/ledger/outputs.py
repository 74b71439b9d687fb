"""The outputs of an image as the ledger has them: JSON, with a list for each."""

from __future__ import annotations

import json
from collections.abc import Iterable

from filterfleet.common.jobs.names import NamedFile
from filterfleet.common.wire import OutputFile


def to_text(outputs: Iterable[OutputFile]) -> str:
    """[name, format, size in bytes] of each, and the pattern of its file's name if its recipe gives it one."""
    return json.dumps([_plain(output) for output in outputs])


def from_text(text: str) -> tuple[OutputFile, ...]:
    """The inverse."""
    return tuple(NamedFile(*item) if len(item) > 3 else OutputFile(*item) for item in json.loads(text))


def _plain(output: OutputFile) -> list[str | int]:
    named = [output.file] if isinstance(output, NamedFile) else []
    return [output.name, output.format, output.size, *named]
