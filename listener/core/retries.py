"""Objects that could not be loaded, and when each of them is tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from filterfleet.listener.core.actions import Action, Note
from filterfleet.listener.core.agenda import Agenda
from filterfleet.listener.core.books import Books
from filterfleet.listener.core.discovery import Discovery
from filterfleet.listener.core.events import Trouble
from filterfleet.listener.core.intake import Intake
from filterfleet.listener.core.patience import Alone, Misses
from filterfleet.listener.core.scan import Version

NEVER_FOUND = Trouble("The source lists this file, and does not find it when it is loaded.", transient=True)


class Retries:
    """Adds its actions to a list that it shares with the core."""

    def __init__(self, books: Books, discovery: Discovery, intake: Intake, actions: list[Action]) -> None:
        self._books = books
        self._discovery = discovery
        self._intake = intake
        self._actions = actions
        self._misses = Misses()
        self._alone = Alone()
        self._agenda: Agenda[tuple[str, Version]] = Agenda()

    @property
    def next(self) -> float:
        """The instant at which run_due() has something to do; infinite if there is none."""
        return self._agenda.next

    def run_due(self, is_busy: Callable[[str], bool], now: float) -> None:
        """Begin anew with the objects whose time has come. is_busy: whether a path is under way."""
        self._begin_anew(self._agenda.take(now), is_busy, now)

    def seen(self, found: Mapping[str, Version], is_busy: Callable[[str], bool], now: float) -> None:
        """Something has happened to these objects: those that wait for themselves are tried at once."""
        waiting = [(path, version) for path, version in found.items() if path in self._alone]
        self._begin_anew(waiting, is_busy, now)

    def found(self, path: str) -> None:
        """The object was loaded, or is gone."""
        self._misses.found(path)
        self._alone.ended(path)

    def missed(self, path: str, version: Version, now: float) -> bool:
        """The object is not what was listed. False when this version is to be given up."""
        return self._misses.missed(path, version, now)

    def wait_alone(self, path: str, trouble: Trouble) -> float:
        """This object cannot be loaded, and others can: seconds until it is tried again."""
        pause, news = self._alone.failed(path, trouble.reason)
        if news:
            self._actions.append(Note("warning", "image waits", {"path": path, "reason": trouble.reason}))
        return pause

    def add(self, path: str, version: Version, due: float) -> None:
        """Try this object again when it is due."""
        self._agenda.add(due, (path, version))

    def _begin_anew(self, objects: Iterable[tuple[str, Version]], is_busy: Callable[[str], bool], now: float) -> None:
        for path, version in objects:
            if self._books.retry(path, version):
                self._intake.add(path, version, fresh=False)
            elif not is_busy(path):
                self._alone.ended(path)
                if self._books.made(path, version) is not None:  # it may have another content now
                    self._discovery.compare_again(path, version, now)
