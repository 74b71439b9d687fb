"""`filterfleet redo`: what is done is made again, while the listener runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from filterfleet.commands.auditing import findings
from filterfleet.commands.ordering import Place, Which, find_place, give, images, orders_for
from filterfleet.common.errors import FleetError
from filterfleet.common.process.parameters import takes_options
from filterfleet.listener.core.order import Order, Redo


@takes_options(Which)
def redo(
    options: Which,
    missing: Annotated[
        bool, typer.Option("--missing", help="Every image of which a result is missing or has another size.")
    ] = False,
    rclone_config: Annotated[
        Path | None, typer.Option(help="rclone's configuration file, for --missing.", show_default="rclone's own")
    ] = None,
) -> None:
    """Have a listener process images again, though they are done.

    Results are replaced when the new ones are there. The listener begins within a second or two. While none runs, the
    order waits for it.
    """
    paths, everything, as_json = options.paths or [], options.everything, options.as_json
    if bool(paths) + everything + missing != 1:
        raise FleetError("Say what is to be made again: name images or folders, or say --all or --missing.")
    place = find_place(options.output, options.state, options.source)
    if missing:
        if options.output is None:
            raise FleetError("--missing looks into the output: name it with --output.")
        orders = _missing(place, options.output, rclone_config)
    else:
        orders = orders_for(place, Redo(everything=everything), paths)
    if not orders:
        typer.echo("[]" if as_json else "Nothing is missing that could be made again.")
        return
    none = "Nothing there is done, so nothing is processed again."
    give(place, orders, lambda count: images(count, "processed again", none), as_json=as_json)


def _missing(place: Place, output: str, rclone_config: Path | None) -> dict[str, Order]:
    orders: dict[str, Order] = {}
    for source in place.sources:
        found = findings(Place(place.ledger, (source,)), output, content=False, rclone_config=rclone_config)
        if images_ := sorted({fault.image for fault in found if fault.can_redo}):
            orders[source] = Redo(tuple(images_))
    return orders
