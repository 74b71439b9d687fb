"""The ignore file in a source's root: what a user says there about which images are wanted."""

from __future__ import annotations

from filterfleet.common.logs import get_logger
from filterfleet.listener.settings.selection import IGNORE_FILE, Selection

LIMIT = 1 << 20  # bytes

log = get_logger("listener")


class IgnoreFile:
    """A selection with the last good state of the ignore file in it. Complains once about each bad state."""

    def __init__(self, selection: Selection) -> None:
        self._without = selection
        self._data: bytes | None = None
        self.selection = selection

    def update(self, data: bytes | None) -> None:
        """data: of the file as it is now, no more than LIMIT + 1 of its bytes; None when there is none."""
        if data == self._data:
            return
        self._data = data
        if data is None:
            self.selection = self._without
        elif len(data) > LIMIT:
            log.warning("ignore file is too large and was not read", file=IGNORE_FILE)
        else:
            self.selection = self._without.with_ignore_file(data.decode("utf-8", "surrogateescape"))
            for problem in self.selection.problems:
                log.warning("line of the ignore file passed over", file=IGNORE_FILE, reason=problem)
