"""Objects that were found again: they resemble what the ledger has, and only their contents can tell the rest."""

from __future__ import annotations

from filterfleet.listener.core.books import Books
from filterfleet.listener.core.discovery import Discovery
from filterfleet.listener.core.work import Work


class Again:
    def __init__(self, books: Books, discovery: Discovery) -> None:
        self._books = books
        self._discovery = discovery

    def is_new(self, work: Work) -> bool:
        """Whether the content that was loaded is to be processed. If it is the one that is done, the ledger knows this
        version from now on."""
        work.again = False
        overtaken = not self._discovery.is_worth_comparing(work.path, work.version)
        same = self._books.made(work.path, work.version) == work.job
        self._discovery.compared(work.path, same=same)
        if same:
            self._books.renew([(work.path, work.version)], depart=work.departs)
            return False
        if overtaken or self._books.standing(work.path, work.version) in (("pending", True), ("failed", True)):
            work.departs = False
            return False
        work.fresh = self._discovery.is_fresh(work.path)
        self._books.add(work.path, work.version, fresh=work.fresh)
        return True
