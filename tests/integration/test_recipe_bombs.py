"""Recipes that are made to hurt their reader: a permanent failure in a sentence, and nobody else waits."""

from __future__ import annotations

import pytest

from filterfleet.common.jobs.job import Job
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.wire import Failed, Result
from tests.integration.harness import Fleet
from tests.integration.recipe_bombs import BOMBS

NEEDS = tuple(sorted(DEFAULT.filters))
LINES = 40  # of the worker's log, for its start and all of the bombs


@pytest.mark.slow
def test_a_recipe_bomb_is_a_sentence_and_others_do_not_wait_for_it(fleet: Fleet, photographs):
    image = min(photographs(1, 300, 400).glob("*.jpg")).read_bytes()
    fleet.start_broker()
    worker = fleet.start_worker()
    fleet.wait_for_workers(1)
    with fleet.client() as attacker, fleet.client() as honest:
        bombs = [
            attacker.submit(Job(name.encode(), recipe, (), len(image), (image,))) for name, recipe in BOMBS.items()
        ]
        result = honest.submit(Job(b"honest", DEFAULT.to_bytes(), NEEDS, len(image), (image,))).result(10)
        assert isinstance(result, Result)
        for future in bombs:
            outcome = future.result(10)
            assert isinstance(outcome, Failed)
            assert outcome.kind == "permanent"
    assert worker.said.count("\n") < LINES, worker.said[-3000:]
    assert "Traceback" not in worker.said
