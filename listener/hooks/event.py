"""What receivers are told, as JSON. docs/hooks.md is the contract."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from filterfleet.common.jobs.ids import SHORT
from filterfleet.common.text import json_text
from filterfleet.common.timestamp import timestamp
from filterfleet.listener.ledger.endings import Done, Ending
from filterfleet.listener.settings.hooks import Kind


@dataclass(frozen=True, slots=True)
class HookEvent:
    """id is the same whenever the same event is told. fields are those of its JSON, but for event and id."""

    kind: Kind
    id: str
    fields: dict[str, Any]

    def body(self) -> bytes:
        return json_text({"event": self.kind.value, "id": self.id, **self.fields}).encode()


def event_of(ending: Ending, source: str, recipe: str) -> HookEvent:
    """source is the source's name without secrets, recipe the recipe's digest in hexadecimal."""
    fields = {
        "time": timestamp(ending.at),
        "source": source,
        "path": ending.path,
        "bytes": ending.size,
        "modified": timestamp(ending.mtime),
        "job": ending.job[:SHORT],
        "recipe": recipe,
    }
    if isinstance(ending, Done):
        outputs = [
            {"name": output.name, "path": place, "format": output.format, "bytes": output.size}
            for output, place in zip(ending.outputs, ending.places(), strict=True)
        ]
        fields |= {
            "sha256": ending.job[:64],
            "width": ending.width,
            "height": ending.height,
            "outputs": outputs,
            "engine": ending.engine,
            "worker": ending.worker,
            "seconds": {stage: round(seconds, 6) for stage, seconds in ending.seconds.items()},
            "notes": ending.notes,
        }
        return HookEvent(Kind.DONE, _id(Kind.DONE, source, recipe, ending.path, ending.at), fields)
    fields |= {"reason": ending.reason, "transient": ending.transient}
    return HookEvent(Kind.FAILED, _id(Kind.FAILED, source, recipe, ending.path, ending.at), fields)


def batch_event(source: str, recipe: str, begun: float, ended: float, done: int, failed: int) -> HookEvent:
    """Nothing is pending any more. begun and ended are the instants of the first and the last ending in the batch."""
    fields = {
        "time": timestamp(ended),
        "source": source,
        "recipe": recipe,
        "begun": timestamp(begun),
        "done": done,
        "failed": failed,
    }
    return HookEvent(Kind.BATCH, _id(Kind.BATCH, source, recipe, "", ended), fields)


def _id(kind: Kind, source: str, recipe: str, path: str, at: float) -> str:
    text = "\n".join((kind.value, source, recipe, path, repr(at)))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
