"""Images whose outputs would have one name: sources that differ in their extension alone, under a recipe that names
files by the stem of their source. The first one gets the name, and the others fail, before any work.
"""

from __future__ import annotations

from collections.abc import Mapping

from filterfleet.common.jobs.patterns import shares_stems, stem_of
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.text import printable
from filterfleet.listener.core.books import Books
from filterfleet.listener.core.work import State, Work

_BEFORE = frozenset({State.WAITING, State.LOADING})  # the states of those that have not been asked yet
_AFTER = frozenset({State.TELLING, State.ENDED})  # and of those that have lost, or are done as the ledger says


class Rivals:
    def __init__(self, recipe: Recipe, books: Books) -> None:
        self._outputs = [output.name for output in recipe.outputs if shares_stems(output.options.name)]
        self._books = books

    def lost(self, path: str, works: Mapping[str, Work]) -> str:
        """A sentence if another image has the name that the outputs of this one need; "" if none has.

        Those that are done, or under way, come first, and then the one with the lower path.
        """
        if not self._outputs:
            return ""
        for other, state in self._books.of_stem(_stem(path)):
            if other == path or _stem(other) != _stem(path):
                continue
            work = works.get(other)
            under_way = work is not None and work.state not in _BEFORE | _AFTER
            if state == "done" or under_way or (state == "pending" and other < path):
                return rivalry(self._outputs[0], other)
        return ""


def rivalry(output: str, other: str) -> str:
    """Why an image fails whose output of this name would be called as that of another image."""
    return (
        f"Its output {output} would have the name of that of {printable(other)}: put {{name}} in place of {{stem}} "
        "into the recipe, or give one of the images another name."
    )


def _stem(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{stem_of(name)}"
