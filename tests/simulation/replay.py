"""`python -m tests.simulation.replay SEED`: the transcript of one seed, and how it ended."""

from __future__ import annotations

import sys

from tests.simulation.world import World


def main() -> None:
    world = World(int(sys.argv[1]), trace=True)
    try:
        world.run()
        verdict = "clean"
    except Exception as violation:
        verdict = f"{type(violation).__name__}: {violation}"
    print("\n".join(world.transcript or []))
    print(f"seed {world.seed}: {verdict}")


if __name__ == "__main__":
    main()
