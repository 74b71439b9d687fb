"""`filterfleet retry`: failures get another chance, while the listener runs."""

from __future__ import annotations

from typing import Annotated

import typer

from filterfleet.commands.ordering import Which, find_place, give, images, orders_for
from filterfleet.common.errors import FleetError
from filterfleet.common.process.parameters import takes_options
from filterfleet.listener.core.order import Retry


@takes_options(Which)
def retry(
    options: Which,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only failures with this text in their reason.")
    ] = None,
) -> None:
    """Have a listener try images again that have failed.

    Name them, or say --all, or --reason with a part of the reason for which they failed. The listener does so within a
    second or two. While none runs, the order waits for it.
    """
    paths = options.paths or []
    if bool(paths) == options.everything and (paths or reason is None):
        raise FleetError("Say which failures: name images or folders, or say --all or --reason TEXT.")
    place = find_place(options.output, options.state, options.source)
    order = Retry(everything=not paths, reason=reason or "")
    none = "Nothing there has failed, so nothing is tried again."
    give(
        place,
        orders_for(place, order, paths),
        lambda count: images(count, "tried again", none),
        as_json=options.as_json,
    )
