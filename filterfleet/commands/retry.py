"""`filterfleet retry`: failures get another chance, while the listener runs."""

from __future__ import annotations

from typing import Annotated

import typer

from filterfleet.commands.ordering import (
    AsJson,
    Output,
    Paths,
    Source,
    State,
    find_place,
    give,
    images,
    orders_for,
)
from filterfleet.common.errors import FleetError
from filterfleet.listener.core.order import Retry


def retry(
    paths: Paths = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that has failed.")] = False,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only failures with this text in their reason.")
    ] = None,
    output: Output = None,
    state: State = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Have a listener try images again that have failed.

    Name them, or say --all, or --reason with a part of the reason for which they failed. The listener does so within a
    second or two. While none runs, the order waits for it.
    """
    if bool(paths) == everything and (paths or reason is None):
        raise FleetError("Say which failures: name images or folders, or say --all or --reason TEXT.")
    place = find_place(output, state, source)
    order = Retry(everything=not paths, reason=reason or "")
    give(
        place,
        orders_for(place, order, paths or []),
        lambda count: images(count, "tried again", "Nothing there has failed, so nothing is tried again."),
        as_json=as_json,
    )
