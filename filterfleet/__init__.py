"""filterfleet as a library.

    import filterfleet

    outputs = filterfleet.process(open("a.jpg", "rb").read())        # one image: {"grayscale": b"...", ...}
    rows = filterfleet.run("in", "out", engine="threads")            # a whole folder: a dict for each image
    with filterfleet.Client("192.0.2.10", 5555) as client: ...       # single images, on the fleet of a running broker

help(filterfleet.process), help(filterfleet.run) and help(filterfleet.Client) explain these. Filters of your own use
filterfleet.worker.filters (docs/plugins.md).

Every error is a filterfleet.FleetError, whose text is a sentence for people.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from filterfleet.common.errors import FleetError

if TYPE_CHECKING:
    from filterfleet.batch import run
    from filterfleet.common.client.client import Client
    from filterfleet.single import process

__all__ = ["Client", "FleetError", "process", "run"]

# Imported on first use: this file runs before every other module of the package, and none of them, `filterfleet --help`
# included, should have to load OpenCV and ZeroMQ for it.
_HOMES = {
    "Client": "filterfleet.common.client.client",
    "process": "filterfleet.single",
    "run": "filterfleet.batch",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
