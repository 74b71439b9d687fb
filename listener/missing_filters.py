"""A warning when no worker has a filter that the recipe needs."""

from __future__ import annotations

from filterfleet.common.client.client import Client
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.logs import get_logger

log = get_logger("listener")


class MissingFilters:
    """Logs once which filters of a recipe the fleet lacks: its images wait, and nothing else says for what."""

    def __init__(self, recipe: Recipe, client: Client) -> None:
        self._filters = recipe.filters
        self._client = client
        self._said = False

    def look(self) -> None:
        """Cheap enough for every turn of a loop. It says nothing while the fleet has no worker."""
        fleet = self._client.catalogue
        if fleet.threads and not self._said and (missing := self._filters.difference(fleet.filters)):
            self._said = True
            log.warning(
                "no worker has these filters: images wait for one that does", filters=", ".join(sorted(missing))
            )
