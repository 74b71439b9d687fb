"""`python -m tests.simulation.replay SEED`: the transcript of one seed, and how it ended."""

from __future__ import annotations

import argparse

from tests.simulation.world import World


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    world = World(parser.parse_args().seed, trace=True)
    try:
        world.run()
        verdict = "clean"
    except Exception as violation:
        verdict = f"{type(violation).__name__}: {violation}"
    print("\n".join(world.transcript or []))
    print(f"seed {world.seed}: {verdict}")


if __name__ == "__main__":
    main()
