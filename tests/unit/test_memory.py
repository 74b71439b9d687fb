"""Images wait for memory in the order in which they came."""

import contextlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.worker.memory import Memory, share
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.resources import Resources
from filterfleet.worker.settings import RESERVE
from tests.integration.harness import wait_until


def test_two_that_fit_beside_each_other_hold_memory_at_once():
    memory, meeting = Memory(100), threading.Barrier(2)

    def hold():
        with memory.hold(50):
            return meeting.wait(10)  # breaks unless both are here

    with ThreadPoolExecutor(2) as pool:
        arrivals = [pool.submit(hold) for _ in range(2)]
    assert sorted(arrival.result() for arrival in arrivals) == [0, 1]


def test_a_large_one_is_not_overtaken_by_a_small_one_that_would_fit():
    memory, log = Memory(100), []

    def hold(name, amount):
        with memory.hold(amount):
            log.append(name)

    with ThreadPoolExecutor(2) as pool:
        with memory.hold(60):
            large = pool.submit(hold, "large", 80)
            wait_until(lambda: len(memory._queue) == 1, what="the large one in line")
            small = pool.submit(hold, "small", 30)
            wait_until(lambda: len(memory._queue) == 2, what="the small one behind it")
            assert log == []
        large.result(10)
        small.result(10)
    assert log == ["large", "small"]


def test_an_image_that_needs_more_than_there_is_runs_alone():
    memory, log = Memory(100), []

    def hold():
        with memory.hold(1):
            log.append("other")

    with ThreadPoolExecutor(1) as pool:
        with memory.hold(10_000):
            other = pool.submit(hold)
            wait_until(lambda: len(memory._queue) == 1, what="the other in line")
            assert log == []
        other.result(10)
    assert log == ["other"]


def test_images_that_need_more_than_there_is_go_in_strips_or_are_refused_and_none_waits_for_ever():
    resources = Resources(2, Memory(1 << 20))
    png, webp = (cv2.imencode(kind, np.zeros((80, 90, 3), np.uint8))[1].tobytes() for kind in (".png", ".webp"))

    def outcome(file):
        try:
            with contextlib.closing(process(file, DEFAULT, resources)) as done:
                return len(done.outputs)
        except ImageError as error:
            return str(error)

    with ThreadPoolExecutor(3) as pool:
        outcomes = [pool.submit(outcome, file) for file in (png, webp) * 3]
    in_strips, refused = outcomes[::2], outcomes[1::2]
    assert [each.result(60) for each in in_strips] == [len(DEFAULT.outputs)] * 3
    assert all("this worker has 1 MiB for images (--memory)" in each.result(60) for each in refused)
    assert (resources.memory.held, resources.memory.waiting) == (0, 0)


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
