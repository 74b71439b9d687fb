"""Recipes that are made to hurt whoever reads them: a permanent failure in a sentence, and nobody else waits."""

from __future__ import annotations

import msgpack
import pytest

from filterfleet.common.jobs.job import Job
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.wire import Failed, Result
from filterfleet.common.wire.codec import RECIPE_LIMIT
from tests.integration.harness import Fleet

NEEDS = tuple(sorted(DEFAULT.filters))
LINES = 40  # of the worker's log, for its start and all of the bombs


def bomb(kernel: object) -> bytes:
    return msgpack.packb([[["a", [["convolve", {"kernel": kernel}]], "same", 90, None]], "strip-gps", "refuse"])


def nested(levels: int) -> object:
    core: object = 1
    for _ in range(levels):
        core = [core]
    return core


BOMBS = {
    "deep": bomb(nested(500)),
    "deeper": bomb(0)[:-20] + b"\x91" * 520,
    "wide": bomb([0] * (RECIPE_LIMIT - 200)),
    "matrix": bomb([[0] * 20] * 2700),
    "rows": bomb([[]] * 60_000),
    "not a number": bomb([[float("nan")]]),
    "many steps": msgpack.packb([[[f"o{n}", [["x", {}]] * 64, "same", 90, None] for n in range(64)], "keep", "refuse"]),
    "brackets": b"\x91" * RECIPE_LIMIT,
}


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
