"""A batch of images that goes through a fleet several times, as new jobs each time."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from filterfleet.common.client.client import Client
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.job import Job
from filterfleet.common.jobs.recipe import DEFAULT, Recipe
from filterfleet.common.wire import Failed, Result

PATIENCE = 300.0  # seconds to wait for one image


@dataclass(frozen=True, slots=True)
class Batch:
    """images are the contents of files, each small enough for one message."""

    images: Sequence[bytes]
    recipe: Recipe = DEFAULT

    def seconds(self, client: Client) -> float:
        """The time from the first submission to the last outcome. Raises FleetError when an image fails."""
        needs = tuple(sorted(self.recipe.filters))
        recipe = self.recipe.to_bytes()
        began = time.perf_counter()
        futures = [client.submit(Job(os.urandom(16), recipe, needs, len(i), (i,), 5)) for i in self.images]
        for future in futures:
            self._check(client, future.result(PATIENCE))
        return time.perf_counter() - began

    def _check(self, client: Client, outcome: Result | Failed) -> None:
        if isinstance(outcome, Failed):
            raise FleetError(f"An image of the benchmark failed: {outcome.reason}")
        client.acknowledge(outcome.id)
