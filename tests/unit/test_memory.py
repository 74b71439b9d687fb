"""Images wait for memory, in the order in which they came."""

import subprocess
import sys
import threading

import pytest

from filterfleet.worker.memory import RESERVE, Memory, share
from tests.integration.harness import wait_until


def holder(memory, amount, log, name):
    release = threading.Event()

    def run():
        with memory.hold(amount):
            log.append(name)
            assert release.wait(10)

    thread = threading.Thread(target=run)
    thread.start()
    return release, thread


def test_who_fits_beside_the_others_does_not_wait():
    memory, log = Memory(100), []
    ends = [holder(memory, 50, log, name) for name in "ab"]
    wait_until(lambda: sorted(log) == ["a", "b"], what="both")
    for release, thread in ends:
        release.set()
        thread.join()


def test_a_large_one_is_not_overtaken_by_small_ones():
    memory, log = Memory(100), []
    first = holder(memory, 60, log, "first")
    wait_until(lambda: log == ["first"], what="the first")
    large = holder(memory, 80, log, "large")
    wait_until(lambda: len(memory._queue) == 1, what="the large one in line")
    small = holder(memory, 10, log, "small")
    wait_until(lambda: len(memory._queue) == 2, what="the small one behind it")
    assert log == ["first"]
    first[0].set()
    wait_until(lambda: log == ["first", "large", "small"], what="the line")
    for release, thread in (first, large, small):
        release.set()
        thread.join()


def test_more_than_there_is_runs_alone():
    memory, log = Memory(100), []
    with memory.hold(10_000):
        waiting = holder(memory, 1, log, "other")
        wait_until(lambda: len(memory._queue) == 1, what="the other in line")
        assert log == []
    wait_until(lambda: log == ["other"], what="its turn")
    waiting[0].set()
    waiting[1].join()


def test_an_error_gives_the_memory_back():
    memory = Memory(100)
    with pytest.raises(ZeroDivisionError), memory.hold(100):
        raise ZeroDivisionError
    with memory.hold(100):
        pass


def test_processes_share_what_there_is():
    assert share(1) // 4 <= share(4) <= share(1)
    assert share(10**9) == 64 << 20


def test_a_confined_process_gets_an_error_and_not_the_machine():
    program = (
        "import sys, numpy; from filterfleet.worker.memory import confine; confine(64 << 20)\n"
        "numpy.ones(64 << 20, numpy.uint8)\n"
        "try: numpy.ones(int(sys.argv[1]), numpy.uint8)\n"
        "except MemoryError: print('refused')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(RESERVE + (256 << 20))], capture_output=True, text=True, timeout=30
    )
    assert done.stdout == "refused\n", done.stderr
