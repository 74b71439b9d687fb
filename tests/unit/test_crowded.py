"""A limit on threads ends a command with a sentence, and not as a bug."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, resource, threading, time
from filterfleet.common.process.command import guarded
os.setgid(65534), os.setuid(65534)  # the limit does not hold for root
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
guarded(lambda: threading.Thread(target=time.sleep, args=(1,)).start() or threading.Thread(target=print).start())
"""
POOL = """
from filterfleet.listener.loop import Loop
def work():
    loop = Loop()
    try:
        loop.do(loop.pool("work", 1), print)
    finally:
        list(loop.stop())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user with a process limit of its own")
def test_a_command_that_may_start_no_thread_says_so():
    child = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert child.returncode == 2
    assert child.stderr.startswith("filterfleet: The limit on threads and processes is reached: raise it (ulimit -u,")
    assert "Traceback" not in child.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user with a process limit of its own")
def test_a_listener_that_may_start_no_thread_can_end():
    program = POOL + PROGRAM.partition("guarded(lambda")[0] + "guarded(work)\n"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert child.returncode == 2, child.stderr
    assert child.stderr.startswith("filterfleet: The limit on threads and processes is reached")
