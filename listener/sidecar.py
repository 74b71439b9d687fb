"""The content of a sidecar. docs/hooks.md describes it for those who read it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from filterfleet.common.jobs.job import content_of
from filterfleet.common.jobs.names import JSON, SIDECAR, place_of
from filterfleet.common.jobs.notes import notes_of
from filterfleet.common.jobs.recipe import Output, Recipe
from filterfleet.common.process.system import VERSION
from filterfleet.common.text import json_text, printable
from filterfleet.common.timestamp import timestamp
from filterfleet.common.wire import Result
from filterfleet.listener.core.sidecar import About

OUTPUT = Output(SIDECAR, (), JSON)  # as recipes have them
LONGEST = 255  # characters of a text in which a worker tells of itself

_TIMES = ("decode", "filter", "encode")


def sidecar_of(path: str, result: Result, about: About, recipe: Recipe, sums: Sequence[str]) -> bytes:
    """JSON with one object. sums: the SHA-256 of each output, in hexadecimal."""
    report = result.report
    outputs = [
        {
            "name": output.name,
            "path": place_of(output, path),
            "format": output.format,
            "bytes": output.size,
            "sha256": digest,
        }
        for output, digest in zip(result.outputs, sums, strict=True)
    ]
    seconds = {name: report[name] for name in _TIMES if isinstance(report.get(name), float)}
    content: dict[str, Any] = {
        "filterfleet": VERSION,
        "time": timestamp(time.time()),
        "source": {
            "path": path,
            "bytes": about.version.size,
            "modified": timestamp(about.version.mtime_ns / 1e9),
            "tag": about.version.tag,
            "sha256": content_of(result.id).hex(),
            "width": _whole(report.get("width")),
            "height": _whole(report.get("height")),
            "notes": notes_of(report) or "",
        },
        "recipe": {"digest": recipe.digest.hex(), "outputs": [_described(output) for output in recipe.outputs]},
        "engine": {
            "name": about.engine,
            "version": _text(report.get("version")),
            "worker": _text(report.get("worker")),
        },
        "seconds": seconds | {"turnaround": about.turnaround},
        "outputs": outputs,
    }
    return f"{json_text(content, indent=2)}\n".encode()


def _described(output: Output) -> dict[str, Any]:
    steps = [{"filter": step.filter, **dict(step.parameters)} for step in output.steps]
    return {
        "name": output.name,
        "steps": steps,
        "encoding": output.encoding,
        "quality": output.quality,
        "effort": output.effort,
    } | output.options.given()


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: object) -> str:
    """A worker may report anything."""
    return printable(value[:LONGEST]) if isinstance(value, str) else ""
