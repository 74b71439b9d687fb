"""The lines of the log that name an image: its job as far as that is known, its path, and the reason."""

from __future__ import annotations

from typing import Any

from filterfleet.common.jobs.ids import short_id
from filterfleet.listener.core.actions import Note
from filterfleet.listener.core.events import Trouble
from filterfleet.listener.core.work import Work


def failed_note(work: Work, reason: str) -> Note:
    return Note("warning", "image failed", _about(work) | {"reason": reason})


def done_notes(work: Work, *, wanted: bool) -> list[Note]:
    """Its outputs are in their places, for those who want to read so of each image."""
    return [Note("info", "image done", _about(work) | {"seconds": round(work.turnaround, 3)})] if wanted else []


def trouble_note(level: str, event: str, work: Work, trouble: Trouble | None) -> Note:
    return Note(level, event, _about(work) | {"reason": trouble.reason if trouble else ""})


def _about(work: Work) -> dict[str, Any]:
    worker = work.worker or ("" if work.result is None else str(work.result.report.get("worker", "")))
    known = {"path": work.path, "job": short_id(work.job), "worker": worker}
    return {name: value for name, value in known.items() if value}
