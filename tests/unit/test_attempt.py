"""Whatever an image makes our code do, its user gets one line."""

import hashlib
import logging

import numpy as np
import pytest

from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.log_lines import bounded_traceback
from filterfleet.common.ratelimit import RateLimit
from filterfleet.common.wire import Failed
from filterfleet.worker import attempt as module
from filterfleet.worker.attempt import attempt
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.resources import default
from tests.unit.samples import BGR, pil, saved

FILE = saved(pil(BGR), "PNG")


def by_opencv():
    cv2.GaussianBlur(np.zeros((3, 3), np.uint8), (2, 2), 0)


def by_a_plugin():
    raise ValueError("first line\nsecond line \x1b[31m" + "x" * 10_000)


def without_a_text():
    raise RecursionError


FAULTS = {by_opencv: "error: ", by_a_plugin: "ValueError: first line", without_a_text: "RecursionError"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_ours_is_one_line_and_the_log_says_where(fault, monkeypatch, said):
    monkeypatch.setattr(module, "process", lambda *_: fault())
    ended = attempt(b"1", DEFAULT.to_bytes(), FILE, default())
    assert isinstance(ended, Failed)
    assert ended.kind == "transient"
    assert ended.reason.startswith(f"The worker failed unexpectedly: {FAULTS[fault]}")
    assert ended.reason.isprintable()
    assert len(ended.reason) < 400
    record, told = said.records
    assert told.msg.fields["job"] == hashlib.sha256(FILE).hexdigest()[:12]
    assert fault.__name__ in bounded_traceback(record.exc_info[1])


def test_too_little_memory_is_called_so(monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(module, "process", full)
    assert "too little memory" in attempt(b"1", DEFAULT.to_bytes(), FILE, default()).reason


def test_rubbish_does_not_flood_the_log(monkeypatch, caplog):
    monkeypatch.setattr(module, "_lines", RateLimit(module.LINES, module.LINES_PERIOD))
    with caplog.at_level(logging.INFO):
        for _ in range(3 * module.LINES):
            assert isinstance(attempt(b"id", DEFAULT.to_bytes(), b"rubbish", default()), Failed)
    assert len(caplog.records) == module.LINES
