"""The source or the output as a whole: whether it is in trouble, and what the log says about that."""

from __future__ import annotations

from filterfleet.listener.core.actions import Note
from filterfleet.listener.core.events import Trouble
from filterfleet.listener.core.patience import Patience


class Place:
    """limit: seconds of trouble after which an object is given up, whatever becomes of others."""

    def __init__(self, name: str, limit: float) -> None:
        self.name = name
        self._patience = Patience(limit)
        self.trouble = ""  # why it cannot be used now, without the name of an object

    @property
    def in_trouble(self) -> bool:
        """Whether transfers fail here at the moment, and are tried again."""
        return bool(self.trouble)

    def pause(self, now: float) -> float:
        """Seconds for which no transfer should begin here."""
        return self._patience.pause(now)

    def succeeded(self, path: str) -> list[Note]:
        """A transfer of this path has succeeded."""
        self._patience.succeeded(path)
        if not self.trouble:
            return []
        self.trouble = ""
        return [Note("info", "going on", {"place": self.name})]

    def failed(self, path: str, job: str, trouble: Trouble | None, now: float) -> list[Note] | None:
        """A transfer of this path has failed; without trouble, the object has changed. None: give it up; else try it
        again after pause()."""
        if trouble is None or trouble.alone or not (trouble.transient and self._patience.failed(path, now)):
            self._patience.ended(path)
            return None
        kind = trouble.reason.rpartition(": ")[2]  # without the name: an outage happens to many objects
        if kind == self.trouble:
            return []
        self.trouble = kind
        about = {"job": job} if job else {}
        return [Note("error", "trying again", {"place": self.name, "path": path, **about, "reason": trouble.reason})]
