"""What people order while the listener runs, and how the core carries it out.

    order            what becomes of it
    ---------------  -----------------------------------------------------------------------------------------
    Retry            objects that have failed are pending again
    Redo             objects that are done or have failed are pending again, and are processed rather than copied
    ConfirmRemovals  the disappearance that the listener did not believe is believed by the next listing
    Prune            what the ledger keeps of objects that have been gone for long is forgotten
    Pause            nothing new is taken from the line, in later lives as well; what is under way is finished
    Resume           the line is taken up again

Carrying out an order twice does no more than once, since a listener may be killed between the two: the second time
finds less to do. An order is answered when its effect is durable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from filterfleet.listener.core.actions import Answer
from filterfleet.listener.core.books import Books
from filterfleet.listener.core.desk import Desk
from filterfleet.listener.core.discovery import Discovery
from filterfleet.listener.core.order import ConfirmRemovals, Order, Pause, Prune, Redo, Resume, Retry, which
from filterfleet.listener.core.scan import Version

Wanted = Callable[[str], bool]


class Orders:
    """Answers are due when the ledger has been committed."""

    def __init__(self, books: Books, discovery: Discovery, desk: Desk) -> None:
        self._books = books
        self._discovery = discovery
        self._desk = desk
        self._answers: list[Answer] = []
        self._before_listing: list[str] = []  # orders that mean nothing before the source has been listed

    def on(self, id_: str, order: Order, now: float) -> None:
        match order:
            case Retry(paths, everything, reason):
                wanted = which(paths, everything=everything)
                failed = [(path, version) for path, version, why in self._books.failed_objects() if reason in why]
                self._answer(id_, self._again(failed, wanted))
            case Redo(paths, everything):
                objects = self._books.finished_objects()
                self._answer(id_, self._again(objects, which(paths, everything=everything)))
            case ConfirmRemovals() if self._discovery.has_listed:
                self._answer(id_, self._discovery.confirm_removals(now))
            case ConfirmRemovals():
                self._before_listing.append(id_)
            case Prune(before):
                self._answer(id_, self._books.prune(before))
            case Pause():
                self._pause(id_, paused=True)
            case Resume():
                self._pause(id_, paused=False)

    def listed(self, now: float) -> None:
        """The source has been listed, and what was found is taken up."""
        if self._before_listing and self._discovery.has_listed:
            for id_ in self._before_listing:
                self._answer(id_, self._discovery.confirm_removals(now))
            self._before_listing.clear()

    def take_answers(self) -> list[Answer]:
        """To be called when the ledger has been committed."""
        answers, self._answers = self._answers, []
        return answers

    def heal(self, missing: Iterable[tuple[str, Version]]) -> int:
        """Make the outputs of these objects again. Returns how many there are to make."""
        return self._again(missing, lambda _: True)

    def _pause(self, id_: str, *, paused: bool) -> None:
        """Answered with 1 if that is a change."""
        self._desk.intake.paused = paused
        self._answer(id_, self._books.pause() if paused else self._books.resume())

    def _again(self, objects: Iterable[tuple[str, Version]], wanted: Wanted) -> int:
        """These objects are pending again, unless something is being done with them now."""
        count = 0
        for path, version in objects:
            if wanted(path) and path not in self._desk.works and self._books.again(path, version):
                self._desk.jobs.anew.add(path)
                self._desk.intake.add(path, version, fresh=False)
                count += 1
        return count

    def _answer(self, id_: str, count: int) -> None:
        self._answers.append(Answer(id_, count))
