"""A fleet whose photographs and results are in the bucket of an S3 server on this machine, which takes its share of the
processors.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filterfleet.bench.fleet import come_up, daemons
from filterfleet.common.errors import FleetError
from filterfleet.common.process.ports import LOOPBACK, free_ports
from filterfleet.common.process.supervisor import Spec, Supervisor
from filterfleet.listener.cloud.rclone.binary import environment, find_rclone

SOURCE, OUTPUT = "photographs/incoming", "photographs/filtered"  # in a bucket
START = 30.0  # seconds that the server has to start
PATIENCE = 60.0  # seconds for a photograph, and for an answer
LOOK = 0.01  # seconds between two looks
_REMOTE = """\
[bench]
type = s3
provider = Rclone
access_key_id = bench
secret_access_key = bench
endpoint = {}
"""


@dataclass(frozen=True, slots=True)
class CloudFleet:
    """Ports of the server, and of the listener for notifications."""

    server: int
    hints: int

    def upload(self, photograph: Path) -> None:
        """Put it into the source. Raises FleetError."""
        _expect(200, self.server, "PUT", f"/{SOURCE}/{photograph.name}", photograph.read_bytes())

    def notify(self, name: str) -> None:
        """Tell the listener of an object, as a store would. Raises FleetError."""
        _expect(204, self.hints, "POST", "/", json.dumps({"path": name}).encode())

    def wait(self, results: list[str]) -> None:
        """Until all these results are in the output. Raises FleetError."""
        deadline = time.monotonic() + PATIENCE
        for result in results:
            while _call(self.server, "HEAD", f"/{OUTPUT}/{result}", b"") != 200:
                if time.monotonic() > deadline:
                    raise FleetError("A photograph in the cloud took too long.")
                time.sleep(LOOK)


@contextmanager
def cloud_fleet(folder: Path, workers: int, interval: float) -> Iterator[CloudFleet]:
    """A broker, workers and a listener that scans its source every interval seconds. Raises FleetError."""
    logs = folder / "logs"
    logs.mkdir()
    ports, hints = free_ports(), free_ports().frontend
    with _s3_server(folder) as server:
        config = folder / "rclone.conf"
        config.touch(mode=0o600)
        config.write_text(_REMOTE.format(f"http://{LOOPBACK}:{server}"))
        listener = (
            *("-m", "filterfleet.listener", "--source", f"bench:{SOURCE}", "--output", f"bench:{OUTPUT}"),
            *("--settle", "0", "--interval", str(interval), "--rclone-config", str(config)),
            *("--state", str(folder / "state"), "--hints", f"{LOOPBACK}:{hints}"),
            *("--frontend-port", str(ports.frontend)),
        )
        specs = daemons(ports, logs, workers)
        state = {"XDG_STATE_HOME": str(folder / "user")}
        specs.append(Spec("listener", listener, logs / "listener.log", environment=state))
        with Supervisor(specs, 10.0) as supervisor:
            come_up(supervisor, lambda: supervisor.ready)
            yield CloudFleet(server, hints)


@contextmanager
def _s3_server(folder: Path) -> Iterator[int]:
    """Serve the buckets in folder/served to everybody on this machine. Yields the port."""
    served, log = folder / "served", folder / "server.log"
    for place in (SOURCE, OUTPUT):
        (served / place).mkdir(parents=True)
    options = (f"--addr={LOOPBACK}:0", "--config=", "--log-level=INFO", f"--log-file={log}")
    command = [str(find_rclone()), "serve", "s3", *options, str(served)]
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            deadline = time.monotonic() + START
            while not (found := log.is_file() and re.search(rf"http://{LOOPBACK}:(\d+)", log.read_text())):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise FleetError("rclone serve s3 does not start.")
                time.sleep(LOOK)
            yield int(found[1])
        finally:
            server.terminate()


def _expect(status: int, port: int, method: str, path: str, body: bytes) -> None:
    found = _call(port, method, path, body)
    if found != status:
        raise FleetError(f"{method} {path} was answered with {found}.")


def _call(port: int, method: str, path: str, body: bytes) -> int:
    try:
        with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=PATIENCE)) as connection:
            connection.request(method, path, body)
            answer = connection.getresponse()
            answer.read()
            return answer.status
    except (OSError, http.client.HTTPException) as error:
        raise FleetError(f"{method} {path} failed: {error}.") from None
