"""The ignore file in a source's root, in which users list the images they do not want."""

from __future__ import annotations

from filterfleet.common.logs import get_logger
from filterfleet.listener.settings.selection import IGNORE_FILE, Selection

# The largest ignore file that is read, in bytes. Its lines are compiled in the thread that scans. A larger limit admits
# longer lists and longer pauses, a smaller one turns more users' lists away.
LIMIT = 1 << 20

log = get_logger("listener")


class IgnoreFile:
    """A selection that follows the ignore file. Each bad state of the file is logged once."""

    def __init__(self, selection: Selection) -> None:
        """selection: what the user wants without an ignore file."""
        self._without = selection
        self._data: bytes | None = None
        self.selection = selection

    def update(self, data: bytes | None) -> None:
        """data: the file's content now, cut after LIMIT + 1 bytes; None when there is no file.

        A file that is too large changes nothing: the selection stays as the last good file made it.
        """
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
                log.warning("line of the ignore file skipped", file=IGNORE_FILE, reason=problem)
