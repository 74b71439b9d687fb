"""What the system tells of changes in a folder (inotify and its like, by way of watchdog)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from filterfleet.common.logs import get_logger
from filterfleet.listener.core.scan import ROOT

READING = ("opened", "closed_no_write")
WRITING = ("created", "modified", "closed")

log = get_logger("listener")


def observe(root: Path, changed: Callable[[str], None]) -> Callable[[], None] | None:
    """Call changed(path) soon after something happens to a file below root, and changed(ROOT) after anything that
    concerns more than what is at a path now. Returns stop(), or None when the system does not tell."""
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
            return  # a folder is modified with each file in it, which has an event of its own
        if event.is_directory or event.event_type not in WRITING:
            self._changed(ROOT)
        if not event.is_directory and event.event_type != "deleted":
            self._changed(self._below_root(event.dest_path or event.src_path))

    def _below_root(self, path: bytes | str) -> str:
        return Path(os.fsdecode(path)).relative_to(self._root).as_posix()
