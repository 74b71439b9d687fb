"""`filterfleet ledger prune`: the ledger forgets what has been gone for long."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from filterfleet.commands.ordering import AsJson, Output, Source, State, find_place, give
from filterfleet.listener.core.order import Prune
from filterfleet.listener.settings.retention import DAY, KEEP_DAYS


def prune(
    days: Annotated[
        float,
        typer.Option(
            min=0, max=100_000, help="Days since an image vanished from the source, or was replaced, at least."
        ),
    ] = KEEP_DAYS,
    output: Output = None,
    state: State = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Have a listener forget what has been gone from its source for long.

    A listener does so by itself, once a day, with what is older than its --keep-days. Results stay where they are.
    """
    place = find_place(output, state, source)
    order = Prune(time.time() - days * DAY)
    give(
        place,
        dict.fromkeys(place.sources, order),
        lambda count: f"{count} rows of the ledger are forgotten.",
        as_json=as_json,
    )
