"""Filters from other packages, which name a module or a function in the entry-point group `filterfleet.filters`.
Importing the module, or calling the function, registers their filters (docs/plugins.md).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from filterfleet.common.logs import get_logger
from filterfleet.common.text import printable

GROUP = "filterfleet.filters"

log = get_logger("filters")

_lock = threading.RLock()  # reentrant: a plugin may ask for the catalogue while it is being loaded
_begun = threading.Event()
_plugins: dict[str, str] = {}  # by filter
_left_out: dict[str, str] = {}  # reasons, by plugin


def plugin_of(name: str) -> str | None:
    """The plugin that a filter belongs to; None for one that ships."""
    return _plugins.get(name)


def failures() -> Iterator[str]:
    """A sentence for each plugin that could not be loaded."""
    for plugin, reason in _left_out.items():
        yield f"The plugin {plugin!r} was left out: {reason}."


def load_plugins(filters: dict[str, Any], begins: Callable[[str], None] | None = None) -> None:
    """Lets every plugin register its filters, once per process. A plugin that fails leaves none of its filters behind,
    and one line in the log; the other plugins, and the worker, go on. begins is told the name of each before it is
    loaded.
    """
    with _lock:
        if _begun.is_set():
            return
        _begun.set()
        # It takes 10 ms, and a recipe of filters that ship needs no plugin.
        from importlib.metadata import entry_points

        for plugin in sorted(entry_points(group=GROUP), key=lambda plugin: (plugin.name, plugin.value)):
            before = dict(filters)
            if begins:
                begins(plugin.name)
            try:
                loaded = plugin.load()
                if not isinstance(loaded, ModuleType):
                    loaded()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - other people's code may raise anything
                filters.clear()
                filters.update(before)
                reason = printable(f"{type(error).__name__}: {error}")
                _left_out[printable(plugin.name)] = reason
                log.error("plugin left out: none of its filters are available", plugin=plugin.name, reason=reason)
            else:
                _plugins.update(dict.fromkeys(filters.keys() - before.keys(), plugin.name))
