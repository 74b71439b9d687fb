"""A listener says what no worker of its fleet can do: once, and not before there is a worker."""

from types import SimpleNamespace

import structlog

from common.protocol import Catalogue
from common.recipe import Output, Recipe, Step
from listener.setup import MissingFilters

RECIPE = Recipe((Output("a", (Step("invert"), Step("duotone"), Step("beyond"))),))


def test_it_is_said_once():
    client = SimpleNamespace(catalogue=Catalogue((), 0))
    missing = MissingFilters(RECIPE, client)
    with structlog.testing.capture_logs() as logs:
        missing.look()
        assert not logs
        client.catalogue = Catalogue(("grayscale", "invert"), 2)
        missing.look()
        missing.look()
    assert [(entry["log_level"], entry["filters"]) for entry in logs] == [("warning", "beyond, duotone")]


def test_nothing_is_said_when_nothing_is_missing():
    missing = MissingFilters(RECIPE, SimpleNamespace(catalogue=Catalogue(("beyond", "duotone", "invert"), 2)))
    with structlog.testing.capture_logs() as logs:
        missing.look()
    assert not logs
