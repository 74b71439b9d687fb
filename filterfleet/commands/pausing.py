"""`filterfleet pause` and `filterfleet resume`: a listener begins nothing new for a while."""

from __future__ import annotations

from filterfleet.commands.ordering import Where, find_place, give
from filterfleet.common.process.parameters import takes_options
from filterfleet.listener.core.order import Pause, Resume


@takes_options(Where)
def pause(options: Where) -> None:
    """Have a listener begin nothing new, until `filterfleet resume`.

    What is under way is finished, and the source is watched as before. The pause outlasts restarts. While no listener
    runs, the order waits for it.
    """
    place = find_place(options.output, options.state, options.source)
    orders = dict.fromkeys(place.sources, Pause())
    give(
        place,
        dict(orders),
        lambda changed: "It begins nothing new from now on." if changed else "It was paused already.",
        as_json=options.as_json,
    )


@takes_options(Where)
def resume(options: Where) -> None:
    """Have a listener go on after `filterfleet pause`.

    While no listener runs, the order waits for it.
    """
    place = find_place(options.output, options.state, options.source)
    orders = dict.fromkeys(place.sources, Resume())
    give(
        place,
        dict(orders),
        lambda changed: "It goes on." if changed else "It was not paused.",
        as_json=options.as_json,
    )
