"""What keeps a client's work from the fleet that its broker has told it of."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from filterfleet.common.wire import Catalogue
from filterfleet.common.words import Contact, no_worker_for


class Fleet(Protocol):
    """The client of a broker, as far as it matters here."""

    catalogue: Catalogue

    @property
    def contact(self) -> Contact: ...


def lack(fleet: Fleet, filters: Collection[str], pending: int) -> list[str]:
    """What pending work that needs these filters waits for, in words. Nothing is known while there is no broker."""
    if not (pending and fleet.contact.connected):
        return []
    reason = no_worker_for(filters, fleet.catalogue.filters, fleet.catalogue.threads)
    return [reason] if reason else []
