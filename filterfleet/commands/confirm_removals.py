"""`filterfleet confirm-removals`: most objects of a source have vanished on purpose."""

from __future__ import annotations

from filterfleet.commands.ordering import AsJson, Output, Source, State, find_place, give
from filterfleet.listener.core.order import ConfirmRemovals


def confirm_removals(
    output: Output = None, state: State = None, source: Source = None, as_json: AsJson = False
) -> None:
    """Tell a listener that most images have vanished from its source on purpose.

    When many images vanish at once, a listener takes the source for one that is not mounted: it forgets nothing, and
    says so in its log. This command has it believe what it sees. Results stay where they are.
    """
    place = find_place(output, state, source)
    give(place, dict.fromkeys(place.sources, ConfirmRemovals()), _sentence, as_json=as_json)


def _sentence(count: int) -> str:
    if count == 0:
        return "The listener doubts no removals, so there is nothing to confirm."
    return f"{count} images have been removed on purpose: the listener forgets them with its next scan."
