"""`python -m filterfleet.listener.process`: the listener of `filterfleet up`, whose options are in its environment."""

from __future__ import annotations

import sys

from filterfleet.common.jobs.recipe_file import unchecked
from filterfleet.common.process.command import daemon
from filterfleet.listener.cli import run
from filterfleet.listener.handover import take

if __name__ == "__main__":
    daemon(lambda: sys.exit(run(take(), unchecked)))
