"""Fixtures that several files share."""

import pytest

from filterfleet.listener.cloud.source import CloudSource
from filterfleet.listener.settings.aftermath import Keep
from filterfleet.listener.settings.location import Remote
from filterfleet.listener.settings.selection import Selection

KEEP = Keep()


@pytest.fixture
def source_of(tmp_path):
    """Makes a source in a cloud, on a store in memory."""

    def make(rclone, *, after=KEEP):
        return CloudSource(rclone, Remote("cloud", "photos"), tmp_path / "spool", Selection(), after)

    return make
