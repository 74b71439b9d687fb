"""Every table of filterfleet.toml with its settings: those that the commands declare."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from filterfleet.broker.cli import broker
from filterfleet.commands.up import up
from filterfleet.common.config.setting import Setting, settings_of
from filterfleet.common.config.tables import FLEET, SHARED, TABLES
from filterfleet.dashboard.cli import dashboard
from filterfleet.listener.cli import listener
from filterfleet.worker.cli import worker

COMMANDS: Mapping[str, Callable[..., Any]] = {
    "broker": broker,
    "worker": worker,
    "listener": listener,
    "dashboard": dashboard,
    "up": up,
}


class Part(enum.StrEnum):
    BROKER = "broker"
    WORKER = "worker"
    LISTENER = "listener"
    DASHBOARD = "dashboard"
    UP = "up"


def all_tables() -> dict[str, Sequence[Setting]]:
    """In [up] stands what only `up` has: the rest is in the tables that it reads as well."""
    tables: dict[str, Sequence[Setting]] = {name: settings_of(command) for name, command in COMMANDS.items()}
    others = {setting.key for name in ("listener", "worker") for setting in tables[name]}
    tables["up"] = [setting for setting in tables["up"] if setting.key not in others]
    tables[SHARED] = tuple(FLEET.values())
    return {name: tables[name] for name in TABLES}
