"""The jobs of a client whose outputs no message carries."""

from __future__ import annotations

from collections.abc import Collection

from filterfleet.common import wire
from filterfleet.common.client.fetch import Fetch
from filterfleet.common.client.state import Entry, JobState
from filterfleet.common.wire.actions import Discard


class Fetching(dict[bytes, Entry]):
    """Those whose outputs are being pulled or wait for room, by job. state.py has the table of a job's states."""

    def __init__(self) -> None:
        super().__init__()
        self._of_blob: dict[int, Entry] = {}
        self._next_blob = 1

    def pulling_into(self, blob: int) -> Entry | None:
        """The job whose output this blob is."""
        return self._of_blob.get(blob)

    def begin(self, entry: Entry, result: wire.Result) -> None:
        """Each output gets a blob of its own."""
        self[entry.job.id] = entry
        entry.state = JobState.FETCHING
        entry.fetch = Fetch(result, self._next_blob)
        self._next_blob = entry.fetch.blobs.stop
        self._of_blob.update(dict.fromkeys(entry.fetch.blobs, entry))

    def wait_for_room(self, entry: Entry, until: float) -> None:
        """Its outputs are to be asked for again at this instant."""
        self[entry.job.id] = entry
        entry.state = JobState.WITHOUT_ROOM
        entry.retry_at = until

    def end(self, entry: Entry, kept: Collection[int] = ()) -> list[Discard]:
        """Nothing more is fetched for the job. What to discard: its blobs but for those that the application keeps."""
        self.pop(entry.job.id, None)
        if entry.fetch is None:
            return []
        blobs, entry.fetch = entry.fetch.blobs, None
        for blob in blobs:
            del self._of_blob[blob]
        return [Discard(blob) for blob in blobs if blob not in kept]
