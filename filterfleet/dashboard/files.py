"""Pictures that the page shows: previews beside the ledger, and results in a local output folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from starlette.responses import Response, StreamingResponse

from filterfleet.common.errors import FleetError
from filterfleet.common.opening import open_below
from filterfleet.listener.ledger.history import Job, Output
from filterfleet.listener.previews.recipe import BEFORE
from filterfleet.listener.previews.store import preview_ids, previews_of

# The formats that every browser shows. Others are offered as files.
SHOWN = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "avif": "image/avif"}

STEP = 256 << 10  # bytes that are read at once
LARGEST_SHOWN = 8 << 20  # bytes of a result that the gallery shows itself, where there is no preview


class NoPictureError(FleetError):
    """There is no such picture."""


class Files:
    """folder: the output, if it is a local one. Nothing here decodes an image."""

    def __init__(self, state: Path, folder: Path | None) -> None:
        self._state = state
        self._folder = folder

    @property
    def has_files(self) -> bool:
        """Whether results can be had from here."""
        return self._folder is not None

    def gallery(self, jobs: Sequence[Job], limit: int) -> list[dict[str, Any]]:
        """The first `limit` of these jobs that have previews; if none has, those whose results can be shown."""
        ids = preview_ids(self._state)
        previewed = (found for job in jobs if job.key in ids and (found := self._previews(job)))
        shown = list(islice(previewed, limit))
        return shown or list(islice((found for job in jobs if (found := self._results(job))), limit))

    def preview(self, job: str, name: str) -> bytes:
        """The JPEG. Raises NoPictureError."""
        found = previews_of(self._state, job).get(name)
        if found is None or not found.startswith(b"\xff\xd8"):
            raise NoPictureError("There is no such preview.")
        return found

    def output(self, job: Job, name: str) -> Response:
        """A result, as a file. Raises NoPictureError."""
        output = next((output for output in job.outputs if output.name == name), None)
        if self._folder is None or output is None:
            raise NoPictureError("This result is not in a folder of this machine.")
        try:
            file = os.fdopen(open_below(self._folder, output.path), "rb")
        except (OSError, ValueError):
            raise NoPictureError("This result is not in the output folder any more.") from None
        size = os.fstat(file.fileno()).st_size
        headers = {"Content-Length": str(size)}
        if output.format not in SHOWN:
            headers["Content-Disposition"] = "attachment"
        kind = SHOWN.get(output.format, "application/octet-stream")
        return StreamingResponse(_parts(file, size), media_type=kind, headers=headers)

    def _previews(self, job: Job) -> dict[str, Any] | None:
        try:
            names = list(previews_of(self._state, job.key or ""))
        except FleetError:  # one that cannot be read costs that picture alone
            return None
        return self._entry(job, names, "preview") if any(name != BEFORE for name in names) else None

    def _results(self, job: Job) -> dict[str, Any] | None:
        names = [output.name for output in job.outputs if self._is_shown(output)]
        return self._entry(job, names, "output") if names else None

    def _entry(self, job: Job, names: Sequence[str], kind: str) -> dict[str, Any]:
        return {
            "key": job.key,
            "path": job.path,
            "at": job.at,
            "width": job.width,
            "height": job.height,
            "pictures": [{"name": name, "kind": kind} for name in names],
            "results": [output.name for output in job.outputs] if self.has_files else [],
        }

    def _is_shown(self, output: Output) -> bool:
        return self.has_files and output.format in SHOWN and output.size <= LARGEST_SHOWN


def _parts(file: BinaryIO, size: int) -> Iterator[bytes]:
    """size bytes of the file, which is closed at the end, or when nobody wants the rest."""
    with file:
        while size > 0 and (part := file.read(min(STEP, size))):
            size -= len(part)
            yield part
