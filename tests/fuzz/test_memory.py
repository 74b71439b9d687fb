"""The memory-checked run, for a few seconds."""

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_writes_beyond_its_block(seed):
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.memory", "--seconds", "8", "--seed", str(seed)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "found nothing" in done.stdout
