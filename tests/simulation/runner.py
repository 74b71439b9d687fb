"""Many seeds on every core."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from filterfleet.common.process.system import cores
from tests.simulation.world import World

CHUNK = 25  # seeds one process runs before it reports


def failure_of(seed: int) -> str | None:
    """What goes wrong under this seed; a core that raises is as wrong as a broken invariant."""
    try:
        World(seed).run()
    except Exception as error:
        return f"seed {seed}: {type(error).__name__}: {error}"
    return None


def failures_of(seeds: range) -> list[str]:
    return [failure for seed in seeds if (failure := failure_of(seed)) is not None]


def run_seeds(count: int) -> list[str]:
    """The failures of seeds 0 to count - 1."""
    chunks = [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    with ProcessPoolExecutor(cores(), mp_context=get_context("spawn")) as pool:
        return [failure for failures in pool.map(failures_of, chunks) for failure in failures]
