"""What the benchmarks measure of processes."""

import os
import subprocess
import sys
import time

from filterfleet.bench.broker import _enough_for
from filterfleet.bench.processes import cpu_seconds


def test_processor_time_is_measured_to_less_than_a_hundredth_of_a_second():
    before = cpu_seconds(os.getpid())
    while cpu_seconds(os.getpid()) == before:
        pass
    assert 0 < cpu_seconds(os.getpid()) - before < 0.01
    assert abs(cpu_seconds(os.getpid()) - time.process_time()) < 0.01


def test_a_process_that_has_ended_takes_no_time():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    assert cpu_seconds(child.pid) == 0


def test_a_figure_that_cannot_be_computed_is_no_number():
    assert _enough_for(0.0) == "The broker's processor time could not be measured."
    assert _enough_for(0.0002) == "One core of the broker is busy with 100 workers of images in a share."
