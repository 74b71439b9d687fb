"""Change notifications from the operating system, for instance from inotify, through watchdog.

They are a help that may be missing, at the start or later: then scans find everything, and as soon as the system can
notify again, it does.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
    DirAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from filterfleet.common.logs import get_logger
from filterfleet.listener.core.scan import ROOT
from filterfleet.listener.local.sentinel import Sentinel

# What the system is asked to report. Files that are opened and read are none of it: a listener that works through a
# backfill opens thousands of them, and what is uploaded meanwhile would wait behind the reports of that. Neither is
# that a folder is modified: that comes with every file in it, and the file has an event of its own.
REPORTED: list[type[FileSystemEvent]] = [
    *(FileAttribEvent, FileClosedEvent, FileCreatedEvent, FileDeletedEvent, FileModifiedEvent, FileMovedEvent),
    *(DirAttribEvent, DirCreatedEvent, DirDeletedEvent, DirMovedEvent),
]
WRITING = ("created", "modified", "attrib", "closed")  # events that concern one path only

log = get_logger("listener")


class Notices:
    """Reports changes below root from start() until stop().

    changed(path) is called soon after something happens to a file, with its path below root. changed(ROOT) is called
    after anything that concerns more than one path: a folder that moves, say, or a file that vanishes. Both calls come
    from another thread.
    """

    def __init__(self, root: Path, changed: Callable[[str], None]) -> None:
        self._root = root
        self._handler = _Handler(root, changed)
        self._lock = threading.Lock()  # start() and stop() come from one thread, check() from another
        self._watching: tuple[BaseObserver, Sentinel] | None = None
        self._trouble = ""  # what was logged last
        self._stopped = False

    def start(self) -> None:
        """Begin. That the system reports no changes is logged."""
        with self._lock:
            self._begin()

    def check(self) -> None:
        """To be called before each scan: begin anew if root is another folder than before, if the system has stopped
        to report what happens in it, or if some folders could not be watched and can be now."""
        with self._lock:
            if self._stopped:
                return
            if self._watching is None:
                self._begin()
                return
            observer, sentinel = self._watching
            alive = observer.is_alive() and all(emitter.is_alive() for emitter in observer.emitters)
            if not (alive and sentinel.is_quiet()):
                log.warning("the source is not the folder that was watched any more, watching it again")
            elif not (self._trouble and sentinel.can_watch_more()):
                self._look_for_more(sentinel)
                return
            self._end()
            self._begin()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            self._end()

    def _begin(self) -> None:
        with contextlib.ExitStack() as undo:
            try:
                sentinel = Sentinel(self._root)
                undo.callback(sentinel.close)
                observer = self._observe()
            except OSError as error:
                self._say("no change notifications, relying on scans", str(error.strerror))
                return
            undo.pop_all()
        if self._trouble:
            log.info("change notifications work again")
        self._trouble = ""
        self._watching = observer, sentinel
        self._look_for_more(sentinel)

    def _observe(self) -> BaseObserver:
        """Raises OSError."""
        observer: BaseObserver = Observer()
        try:
            observer.schedule(self._handler, str(self._root), recursive=True, event_filter=REPORTED)
            observer.start()
        except OSError:
            observer.stop()
            raise
        return observer

    def _look_for_more(self, sentinel: Sentinel) -> None:
        if not sentinel.can_watch_more():
            self._say("no change notifications for some folders, relying on scans", "the system has no more watches")

    def _say(self, event: str, reason: str) -> None:
        """Log a trouble once, until it is another one or over."""
        if event != self._trouble:
            log.warning(event, error=reason)
        self._trouble = event

    def _end(self) -> None:
        if self._watching is not None:
            observer, sentinel = self._watching
            self._watching = None
            observer.stop()
            observer.join()
            sentinel.close()


class _Handler(FileSystemEventHandler):
    def __init__(self, root: Path, changed: Callable[[str], None]) -> None:
        self._root = root
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.is_directory or event.event_type not in WRITING:
            self._changed(ROOT)
        if not event.is_directory and event.event_type != "deleted":
            self._changed(self._below_root(event.dest_path or event.src_path))

    def _below_root(self, path: bytes | str) -> str:
        return Path(os.fsdecode(path)).relative_to(self._root).as_posix()
