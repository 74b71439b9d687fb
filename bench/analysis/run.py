"""All parts of the analysis, one after another."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from filterfleet.bench.analysis.record import Analysis, Machine, Part
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.peers.catalogue import versions as peer_versions
from filterfleet.common.process.system import cores

PARTS = ("throughput", "scalability", "latency", "broker", "faults", "memory", "cost", "beyond")
PACKAGES = (
    *("filterfleet", "numpy", "opencv-python-headless", "pyvips", "pyzmq", "simplejpeg"),
    *("celery", "distributed", "dramatiq", "ipyparallel", "joblib", "mpi4py", "ray", "redis"),
)


def analyse(setting: Setting, command: str, part_is_there: Callable[[Analysis], None]) -> Analysis:
    """Measure everything. part_is_there gets what there is after each part, so that nothing is lost.

    Raises FleetError.
    """
    began = time.monotonic()
    analysis = Analysis(datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), command, machine(), {}, {}, 0.0)
    for name in PARTS:
        measure: Callable[[Setting], Part] = importlib.import_module(f"filterfleet.bench.analysis.parts.{name}").measure
        busy, ours, at = _busy(), _own(), time.monotonic()
        analysis.parts[name] = measure(setting)
        seconds = time.monotonic() - at
        analysis.busy[name] = max(0.0, (_busy() - busy) - (_own() - ours)) / (seconds * (os.cpu_count() or 1))
        analysis.seconds = time.monotonic() - began
        part_is_there(analysis)
    return analysis


def machine() -> Machine:
    information = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(": ")[2] for line in information.splitlines() if line.startswith("model name")]
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    versions |= peer_versions()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    system = f"{platform.system()} {platform.release()}"
    processor = names[0] if names else platform.machine()
    return Machine(processor, cores(), memory, system, platform.python_version(), versions)


def _busy() -> float:
    """Seconds that all cores together have worked so far, for whomever (proc(5)); 0 where that is not told."""
    try:
        ticks = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
    except OSError:
        return 0.0
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    """Seconds that this process and those that it has waited for have worked."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
