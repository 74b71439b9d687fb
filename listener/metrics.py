"""What a listener does at the moment, as metrics. docs/metrics.md explains each."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from filterfleet.common.client.lack import Fleet
from filterfleet.common.metrics.families import Family, gauge
from filterfleet.listener.core.core import ListenerCore
from filterfleet.listener.core.work import State
from filterfleet.listener.transfers import Scanned

_UNDER_WAY = [state.value for state in State if state not in (State.WAITING, State.ENDED)]


def live_families(core: ListenerCore, scanned: Scanned | None) -> list[Family]:
    """For the thread of the core. Before the first listing of the source has ended, nothing is said about it."""
    desk = core.desk
    states = Counter(work.state.value for work in desk.works.values())
    trouble = {"source": float(desk.source.in_trouble), "output": float(desk.output.in_trouble)}
    under_way = {state: float(states[state]) for state in _UNDER_WAY}
    return [
        _gauge("line_length", "Images that wait until there is room for them.", float(core.pending)),
        _gauge("under_way", "Images on their way through the listener, by what happens to them.", under_way, "state"),
        _gauge("in_trouble", "Whether a place fails, so that its transfers are tried again.", trouble, "place"),
        *(_scan_families(scanned) if scanned else ()),
    ]


def fleet_families(fleet: Fleet) -> list[Family]:
    connected = fleet.contact.connected
    threads = fleet.catalogue.threads if connected else 0
    return [
        _gauge("broker_connected", "Whether the listener is connected to a broker.", float(connected)),
        _gauge("fleet_threads", "Threads of the workers that the broker has, as it tells.", float(threads)),
    ]


def _scan_families(scanned: Scanned) -> list[Family]:
    return [
        _gauge("last_scan_timestamp_seconds", "When the last scan of the source has ended.", scanned.ended_at),
        _gauge("last_scan_duration_seconds", "How long the last scan of the source has taken.", scanned.seconds),
        _gauge("last_scan_images", "Images that the last scan has found at the source.", float(scanned.images)),
        _gauge("last_scan_unread_folders", "Folders that the last scan could not read.", float(scanned.unread)),
    ]


def disk_families(folders: Mapping[str, Path]) -> list[Family]:
    """Free space of the file systems that these folders are on, by what the folders are for."""
    free, size = {}, {}
    for name, folder in folders.items():
        try:
            found = os.statvfs(folder)
        except OSError:
            continue
        free[name], size[name] = float(found.f_bavail * found.f_frsize), float(found.f_blocks * found.f_frsize)
    return [
        _gauge("disk_free_bytes", "Free space where a folder is, for this user.", free, "folder"),
        _gauge("disk_size_bytes", "Size of the file system that a folder is on.", size, "folder"),
    ]


def _gauge(name: str, text: str, numbers: float | Mapping[str, float], label: str = "") -> Family:
    return gauge(f"filterfleet_listener_{name}", text, numbers, label)
