"""A listener says what no worker of its fleet can do: once, and not before there is a worker."""

from types import SimpleNamespace

import pytest

from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.common.wire import Catalogue
from filterfleet.listener import missing_filters
from filterfleet.listener.missing_filters import MissingFilters

RECIPE = Recipe((Output("a", (Step("invert"), Step("duotone"), Step("beyond"))),))


@pytest.fixture
def warnings(monkeypatch):
    """What was said of which filters."""
    said = []
    log = SimpleNamespace(warning=lambda _event, filters: said.append(filters))
    monkeypatch.setattr(missing_filters, "log", log)
    return said


def test_it_is_said_once(warnings):
    client = SimpleNamespace(catalogue=Catalogue((), 0))
    missing = MissingFilters(RECIPE, client)
    missing.look()
    assert not warnings
    client.catalogue = Catalogue(("grayscale", "invert"), 2)
    missing.look()
    missing.look()
    assert warnings == ["beyond, duotone"]


def test_nothing_is_said_when_nothing_is_missing(warnings):
    missing = MissingFilters(RECIPE, SimpleNamespace(catalogue=Catalogue(("beyond", "duotone", "invert"), 2)))
    missing.look()
    assert not warnings
