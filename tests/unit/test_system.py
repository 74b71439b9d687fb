"""What a process asks of its system."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("soft", "hard", "after"), [(256, 4096, 4096), (256, 256, 256)])
def test_a_process_may_have_as_many_files_open_as_the_system_allows(soft, hard, after):
    script = (
        "import resource; from filterfleet.common.process.system import allow_many_files; allow_many_files();"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    command = ["prlimit", f"--nofile={soft}:{hard}", sys.executable, "-c", script]
    assert int(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout) == after
