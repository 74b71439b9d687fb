"""What keeps a client's work from the fleet that its broker has told it of."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from filterfleet.common.wire import Catalogue
from filterfleet.common.words import Contact, no_worker_for

UNTOLD = Catalogue((), 0)  # before a broker has told what its workers can do, which it does right after its first HELLO
WRONG_PORT = "the broker answers as it does to workers: --frontend-port has to name its port for clients"


class Fleet(Protocol):
    """The client of a broker, as far as it matters here."""

    catalogue: Catalogue

    @property
    def contact(self) -> Contact: ...


def lack(fleet: Fleet, filters: Collection[str], pending: int) -> list[str]:
    """What pending work that needs these filters waits for, in words. Nothing is known while there is no broker."""
    if not (pending and fleet.contact.connected):
        return []
    if fleet.catalogue is UNTOLD:
        return [WRONG_PORT]
    reason = no_worker_for(filters, fleet.catalogue.filters, fleet.catalogue.threads)
    return [reason] if reason else []
