"""Fixtures that several files share."""

import logging
import os
import textwrap

import pytest

from filterfleet.common.logs import ALL
from filterfleet.listener.cloud.source import CloudSource
from filterfleet.listener.settings.aftermath import Keep
from filterfleet.listener.settings.location import Remote
from filterfleet.listener.settings.selection import Selection
from tests.unit.rights_rig import NOBODY, acting_as, open_folder

KEEP = Keep()


@pytest.fixture
def source_of(tmp_path):
    """Makes a source in a cloud, on a store in memory."""

    def make(rclone, *, after=KEEP):
        return CloudSource(rclone, Remote("cloud", "photos"), tmp_path / "spool", Selection(), after)

    return make


@pytest.fixture
def said(caplog, monkeypatch):
    """The log, whatever earlier tests have configured."""
    package = logging.getLogger(ALL)
    monkeypatch.setattr(package, "propagate", True)
    monkeypatch.setattr(package, "handlers", [])
    with caplog.at_level(logging.INFO, ALL):
        yield caplog


@pytest.fixture
def tmp_path(request, tmp_path):
    """A test that may act with the rights of another user has it where that user can come."""
    if os.geteuid() != 0 or "rights" not in request.fixturenames:
        yield tmp_path
        return
    with open_folder() as folder:
        yield folder


@pytest.fixture(params=["root", "nobody"])
def rights(request, tmp_path):
    """The test runs twice, with root's rights and with those of an ordinary user, to whom tmp_path belongs then."""
    if os.geteuid() == 0 and request.param == "nobody":
        os.chown(tmp_path, NOBODY, NOBODY)
        with acting_as(NOBODY):
            if not os.access(tmp_path, os.W_OK | os.X_OK, effective_ids=True):
                pytest.skip("another user cannot reach the temporary folder")
            yield request.param
    elif os.geteuid() != 0 and request.param == "root":
        pytest.skip("only root has root's rights")
    else:
        yield request.param


@pytest.fixture
def registered():
    """The filter that this source registers, which has NumPy and everything that authors import."""
    from filterfleet.worker.filters import registry
    from filterfleet.worker.pipeline import recipe_from
    from filterfleet.worker.tree import grow

    before = dict(registry._filters)

    def registered(source: str) -> registry.Filter:
        exec(f"import numpy as np\nfrom filterfleet.worker.filters import *\n{textwrap.dedent(source)}", {})
        (name,) = registry._filters.keys() - before.keys()
        return registry._filters[name]

    yield registered
    grow.cache_clear()  # which knows recipes by the names of filters
    recipe_from.cache_clear()
    registry._filters.clear()
    registry._filters.update(before)
