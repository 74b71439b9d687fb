"""Coverage-guided fuzzing of the protocol, of the door and of the three cores, with libFuzzer by way of atheris:

    python -m tests.fuzz.target --seconds 60 [--seed 1] [--corpus FOLDER] [parser recipe door broker worker client]
    python -m tests.fuzz.target broker FILE       # run once more the script that broke it

Without names all targets have their turn. What breaks one is left in a file, whose name is the last thing said.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import tempfile
from pathlib import Path

INSTRUMENTED = ["filterfleet.common", "filterfleet.broker", "filterfleet.worker.leases"]
LONGEST = 1 << 14  # bytes of a script


def main() -> int:
    arguments = _arguments()
    if arguments.file is not None:
        from tests.fuzz.targets import TARGETS

        TARGETS[arguments.targets[0]](arguments.file.read_bytes())
        return 0
    with tempfile.TemporaryDirectory() as fresh:
        for target in arguments.targets:
            folder = (arguments.corpus or Path(fresh)) / target
            share = max(1, arguments.seconds // len(arguments.targets))
            process = multiprocessing.get_context("spawn").Process(
                target=_fuzz, args=(target, folder, share, arguments.seed)
            )
            process.start()
            process.join()
            if process.exitcode:
                print(f"{target}: FAILED, see above", file=sys.stderr)
                return 1
    return 0


def _arguments() -> argparse.Namespace:
    names = ("parser", "recipe", "door", "broker", "worker", "client")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help=", ".join(names))
    parser.add_argument("--seconds", type=int, default=60, help="for all of them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="a folder that keeps what was found to be of interest")
    arguments = parser.parse_args()
    *targets, last = arguments.targets or names
    arguments.file = Path(last) if last not in names else None
    arguments.targets = targets if arguments.file else [*targets, last]
    if not arguments.targets or set(arguments.targets) - set(names):
        parser.error(f"the targets are {', '.join(names)}")
    return arguments


def _fuzz(name: str, folder: Path, seconds: int, seed: int) -> None:
    """In a process of its own, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.targets import TARGETS
    from tests.fuzz.corpus import corpus
    from tests.fuzz.mutations import mutate

    folder.mkdir(parents=True, exist_ok=True)
    seeds = list(corpus(name))
    for number, script in enumerate(seeds):
        (folder / f"seed-{number:03}").write_bytes(script)

    def mutator(script: bytes, limit: int, turn: int) -> bytes:
        rng = random.Random(turn)
        if rng.random() < 0.3:
            return bytes(atheris.Mutate(script, limit))
        return mutate(script, rng, rng.choice(seeds))[:limit]

    options = [f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={LONGEST}", "-print_final_stats=1"]
    options += ["-rss_limit_mb=1024", "-timeout=20", f"-artifact_prefix={tempfile.gettempdir()}/fuzz-{name}-"]
    atheris.Setup([name, *options, str(folder)], TARGETS[name], custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
