"""`python -m filterfleet.studio.process`: decodes somebody's photograph, confined as workers are, without a network.

Questions come on standard input, answers go to standard output.
"""

from __future__ import annotations

import os
from pathlib import Path

from filterfleet.worker.sandbox.confinement import enter


def main() -> None:
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open("r+b", buffering=0) as nothing:  # what a library prints is no answer
        os.dup2(nothing.fileno(), 0)
        os.dup2(nothing.fileno(), 1)
    enter(ports=())
    # These start threads when they are loaded, and a thread that is there before the sandbox is outside of it.
    from filterfleet.studio import serving

    serving.serve(questions, answers)


if __name__ == "__main__":
    main()
