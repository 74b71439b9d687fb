"""Change notifications from the operating system, for instance from inotify, through watchdog."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from filterfleet.common.logs import get_logger
from filterfleet.listener.core.scan import ROOT

READING = ("opened", "closed_no_write")  # events that change nothing
WRITING = ("created", "modified", "attrib", "closed")  # events that concern one path only

log = get_logger("listener")


def observe(root: Path, changed: Callable[[str], None]) -> Callable[[], None] | None:
    """Report changes below root until the returned function is called.

    changed(path) is called soon after something happens to a file, with its path below root. changed(ROOT) is called
    after anything that concerns more than one path: a folder that moves, say, or a file that vanishes. Both calls come
    from another thread. Returns None when the system does not report changes.
    """
    observer: BaseObserver = Observer()
    try:
        observer.schedule(_Handler(root, changed), str(root), recursive=True)
        observer.start()
    except OSError as error:
        log.warning("no change notifications, relying on scans", error=error.strerror)
        return None

    def stop() -> None:
        observer.stop()
        observer.join()

    return stop


class _Handler(FileSystemEventHandler):
    def __init__(self, root: Path, changed: Callable[[str], None]) -> None:
        self._root = root
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in READING or (event.is_directory and event.event_type == "modified"):
            return  # a folder is modified with every file in it, and the file has an event of its own
        if event.is_directory or event.event_type not in WRITING:
            self._changed(ROOT)
        if not event.is_directory and event.event_type != "deleted":
            self._changed(self._below_root(event.dest_path or event.src_path))

    def _below_root(self, path: bytes | str) -> str:
        return Path(os.fsdecode(path)).relative_to(self._root).as_posix()
