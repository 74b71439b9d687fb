"""Nothing lost, nothing applied twice, no innocent dead-lettered, no credit leaked, progress once faults stop."""

from __future__ import annotations

import re

import pytest

from tests.simulation.mutants import MUTANTS, planted
from tests.simulation.runner import failure_of, run_seeds
from tests.simulation.world import World

FEW_SEEDS = 120
SEEDS_FOR_A_MUTANT = 500
# These need many of them, or resemble another one.
LATE = {
    "first broker only",
    "listing overrules a look",
    "credit never taken back",
    "line blocked by its head",
    "copy taken for made",
    "version ignored",
    "failure never cleared",
    "part counted twice",
    "pause forgotten at restart",
    "copied from another name",
    "recipe of the first",
}


def check(seeds: int) -> None:
    failures = run_seeds(seeds)
    assert not failures, "\n".join([*failures[:10], "replay one with: python -m tests.simulation.replay SEED"])


def test_no_seed_breaks_an_invariant() -> None:
    check(FEW_SEEDS)


@pytest.mark.slow
@pytest.mark.timeout(0)  # it waits for nothing: how long it takes is up to the processors and to --seeds
def test_none_of_many_seeds_breaks_an_invariant(request: pytest.FixtureRequest) -> None:
    check(request.config.getoption("--seeds"))


def test_a_seed_replays_to_the_same_transcript() -> None:
    first, second = World(7, trace=True), World(7, trace=True)
    first.run()
    second.run()
    assert first.transcript
    assert first.transcript == second.transcript


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LATE else name for name in MUTANTS]
)
def test_a_planted_bug_is_caught(name: str) -> None:
    with planted(name):
        caught = next(filter(None, map(failure_of, range(SEEDS_FOR_A_MUTANT))), None)
    assert caught is not None, f"{SEEDS_FOR_A_MUTANT} seeds did not notice: {name}"
    assert re.match(r"seed \d+: (InvariantError|KeyError): ", caught), caught  # and not a slip in the mutant
