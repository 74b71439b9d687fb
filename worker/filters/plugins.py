"""Filters of others: packages that name a module, or a function to call, in the entry-point group
`filterfleet.filters`. Importing or calling it registers their filters (docs/plugins.md)."""

from __future__ import annotations

import threading
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from filterfleet.common.logs import get_logger
from filterfleet.common.text import printable

GROUP = "filterfleet.filters"

log = get_logger("filters")

_lock = threading.RLock()  # a plugin may ask for the catalogue while it is being loaded
_begun = threading.Event()


def load_plugins(filters: dict[str, Any]) -> None:
    """Have every plugin register its filters, once in a process. One that fails leaves none of its filters behind, and
    a line in the log: the others, and the worker, go on."""
    with _lock:
        if _begun.is_set():
            return
        _begun.set()
        for plugin in sorted(entry_points(group=GROUP), key=lambda plugin: (plugin.name, plugin.value)):
            before = dict(filters)
            try:
                loaded = plugin.load()
                if not isinstance(loaded, ModuleType):
                    loaded()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever somebody else's code may do
                filters.clear()
                filters.update(before)
                reason = printable(f"{type(error).__name__}: {error}")
                log.error("plugin left out: none of its filters are there", plugin=plugin.name, reason=reason)
