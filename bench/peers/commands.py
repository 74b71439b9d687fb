"""GNU parallel with a shell command for each photograph."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from filterfleet.bench import plain


def run_commands(command: str, threads: str) -> None:
    """The main function of a program that GNU parallel does the work of: IN OUT WORKERS.

    command has {} for the photograph, {/} for its name, and {output} for the folder of the results. threads is the
    environment variable that holds a command to one thread.
    """
    source, output, workers = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    plain.make_folders(output)
    names = b"\0".join(os.fsencode(file) for file in sorted(source.iterdir()))
    quoted = "'" + str(output).replace("'", "'\\''") + "'"
    options = ("--will-cite", "--jobs", workers, "--null", "--halt", "now,fail=1")
    with tempfile.TemporaryDirectory() as home:  # where parallel would keep files of its own
        done = subprocess.run(
            (shutil.which("parallel") or "parallel", *options, command.replace("{output}", quoted)),
            input=names,
            env=os.environ | {threads: "1", "PARALLEL_HOME": home},
            stdout=subprocess.DEVNULL,
            check=False,
        )
    if done.returncode != 0:
        raise SystemExit(f"parallel ended with code {done.returncode}.")
