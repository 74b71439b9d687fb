"""What a listener opens when it starts: a source that it takes images away from is its own."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.listener.ends import Cloud, Ends, open_ends
from filterfleet.listener.settings.aftermath import After, Delete, Keep, MoveTo
from filterfleet.listener.settings.selection import Selection
from filterfleet.listener.state import PRIVATE

CLOUD = Cloud(None, None, 4)


def listener(source: Path, output: Path, after: After, stop: StopSignal) -> contextlib.AbstractContextManager[Ends]:
    return open_ends(source, output, None, CLOUD, Selection(), after, links=False, stop=stop, once=True)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.jpg").write_bytes(b"picture")
    return source


@pytest.mark.parametrize("first", [Delete(), MoveTo("done")])
def test_two_listeners_do_not_share_a_source_that_they_empty(source, tmp_path, first):
    with contextlib.closing(StopSignal()) as stop:
        with listener(source, tmp_path / "one", first, stop) as ends:
            assert ends.source.list().objects.keys() == {"a.jpg"}, "the claim is no image"
            with (
                pytest.raises(
                    FleetError, match=r"^Another listener is taking images away from .*/in: stop it, or .*\.$"
                ),
                listener(source, tmp_path / "two", Delete(), stop),
            ):
                pass
        with listener(source, tmp_path / "two", Delete(), stop):
            pass


def test_any_number_of_listeners_may_read_a_source(source, tmp_path):
    with (
        contextlib.closing(StopSignal()) as stop,
        listener(source, tmp_path / "one", Keep(), stop),
        listener(source, tmp_path / "two", Keep(), stop),
        listener(source, tmp_path / "three", Delete(), stop),
    ):
        pass
    with contextlib.closing(StopSignal()) as stop, listener(source, tmp_path / "four", Keep(), stop):
        assert os.listdir(source / PRIVATE) == ["lock"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_source_that_cannot_be_claimed_is_used_all_the_same(source, tmp_path):
    (source / PRIVATE).mkdir()
    os.chown(source / PRIVATE, 12345, 12345)
    with contextlib.closing(StopSignal()) as stop, listener(source, tmp_path / "one", Delete(), stop) as ends:
        assert ends.source.list().objects.keys() == {"a.jpg"}
