"""A fleet of real processes that works between two places, and checks of its results."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from filterfleet.common.blob import whole
from filterfleet.common.jobs.names import place_of
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.listener.failed import FAILED
from filterfleet.listener.state import PRIVATE
from filterfleet.worker.pipeline import process
from tests.cloud.faults import FaultProxy
from tests.cloud.servers import PASSWORD, Server, write_config
from tests.cloud.stores import Place
from tests.integration.harness import Daemon, Fleet, is_running, wait_until

# Seconds to wait for a listener's work. It rests for ten times the duration of a scan, which is long on a busy machine.
PATIENCE = 100.0


@dataclass(frozen=True)
class Work:
    """The work on images from one place whose results go to another. Its processes come from fleet."""

    fleet: Fleet
    home: Path  # has the state folder and the rclone.conf
    source: Place
    output: Place

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def config(self) -> Path:
        return self.home / "rclone.conf"

    def configure(
        self, *servers: Server, through: Mapping[str, FaultProxy] | None = None, password: str = PASSWORD
    ) -> None:
        """Write the listeners' rclone.conf. through: proxies by the kind of the server behind them."""
        ports = {kind: proxy.port for kind, proxy in (through or {}).items()}
        sections = {server.kind: server.section(ports.get(server.kind), password) for server in servers}
        write_config(self.config, sections)

    def listen(self, *options: object) -> Daemon:
        """Start a listener that scans often. Returns at once."""
        often = ("--interval", 0.3, "--settle", 0.3, "--frontend-port", self.fleet.frontend)
        return self.fleet.processes.start("listener", *self.ends(), *often, *options)

    def ends(self) -> tuple[object, ...]:
        places = ("--source", self.source.fs, "--output", self.output.fs)
        return (*places, "--state", self.state, "--rclone-config", self.config)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the ledger; none before it exists."""
        with contextlib.suppress(sqlite3.OperationalError):
            file = f"file:{self.state / 'ledger.sqlite3'}?mode=ro"
            with contextlib.closing(sqlite3.connect(file, uri=True)) as ledger:
                return ledger.execute(query).fetchall()
        return []

    def done(self) -> int:
        """How many images are done according to the ledger."""
        return sum(count for (count,) in self.rows("SELECT count(*) FROM objects WHERE state = 'done'"))

    def results(self) -> dict[tuple[str, int, int, str], tuple[int, float]]:
        """(path, size, mtime, tag) -> (how often this version was processed, when it was last processed)."""
        rows = self.rows("SELECT path, size, mtime_ns, tag, times, finished_at FROM results")
        return {(path, size, mtime, tag): (times, at) for path, size, mtime, tag, times, at in rows}

    def wait_for(self, images: int, listener: Daemon) -> None:
        """Wait until this many images are done."""
        wait_until(lambda: self.done() >= images or not listener.alive, PATIENCE, f"{images} images")
        assert listener.alive, listener.said[-2000:]

    def outputs(self) -> dict[str, bytes]:
        """Every file at the output, except our own and those that report failures."""
        files = self.output.files()
        return {path: data for path, data in files.items() if not path.startswith((f"{PRIVATE}/", f"{FAILED}/"))}

    def failures(self) -> dict[str, bytes]:
        return {path: data for path, data in self.output.files().items() if path.startswith(f"{FAILED}/")}

    def check_outputs(self, expected: Mapping[str, bytes]) -> None:
        """The output has exactly these files, byte for byte, and no temporary file is left anywhere."""
        found = self.outputs()
        missing, besides = expected.keys() - found.keys(), found.keys() - expected.keys()
        assert not missing, f"missing: {sorted(missing)}"
        assert not besides, f"there besides: {sorted(besides)}"
        different = [path for path in found if found[path] != expected[path]]
        assert not different, different
        self.check_tidy()

    def check_tidy(self) -> None:
        stay = {f"{PRIVATE}/lock", f"{PRIVATE}/placing"}
        own = [name for name in self.output.names() if name.startswith(f"{PRIVATE}/") and name not in stay]
        assert not own, f"temporary files at the output: {own}"
        left = [file for file in (self.state / "spool").rglob("*") if file.is_file()]
        assert not left, f"in the spool: {left}"

    def check_no_rclone(self) -> None:
        """No rclone of the listener is left, or soon none is."""
        wait_until(lambda: not self.rclones(), PATIENCE, "the end of every rclone")

    def rclones(self) -> list[psutil.Process]:
        """The processes that run with our configuration, except the listener itself."""
        found = []
        for candidate in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = candidate.cmdline()
                ours = any(str(self.config) in word for word in words)
                if ours and "listener" not in words[:3] and is_running(candidate):
                    found.append(candidate)
        return found


def expected_of(images: Mapping[str, bytes]) -> dict[str, bytes]:
    """The outputs of images by their paths, from the sequential pipeline."""
    expected = {}
    for path, data in images.items():
        done = process(data, DEFAULT)
        for output, blob in zip(done.outputs, done.blobs, strict=True):
            expected[place_of(output, path)] = bytes(whole(blob))
    return expected


def check_clean(listener: Daemon) -> None:
    assert "Traceback" not in listener.said, listener.said[-3000:]


MakeWork = Callable[[Place, Place], Work]
