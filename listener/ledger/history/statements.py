"""The statements about the history, and the sources that they are about."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from filterfleet.common.errors import FleetError
from filterfleet.common.text import printable
from filterfleet.listener.ledger.sql import named_statements, octets

STATEMENTS = named_statements("history.sql")


class Place(NamedTuple):
    """A source with the recipe and the output that its listener was last started with. paused: since when it takes
    nothing new."""

    source: str
    recipe: str
    output: str | None
    paused: float | None

    @property
    def key(self) -> dict[str, Any]:
        return {"source": octets(self.source), "recipe": self.recipe}


def places_of(db: sqlite3.Connection, source: str | None) -> list[Place]:
    """All sources of a ledger, or this one. Raises FleetError when it does not know that."""
    places = [Place(*row) for row in db.execute(STATEMENTS["sources"])]
    if source is None:
        return places
    if not (named := [place for place in places if place.source == source]):
        known = ", ".join(printable(place.source) for place in places) or "none"
        raise FleetError(f"This ledger knows no source {printable(source)}: it knows {known}.")
    return named
