"""Standard input, output and error of a process that was started without them, as by `filterfleet … >&-`."""

from __future__ import annotations

import os
import sys


def open_standard_files() -> None:
    """Each that is closed becomes /dev/null. Otherwise the next file to be opened would get its number, and whatever is
    printed would be written into that file: into the ledger, say."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
