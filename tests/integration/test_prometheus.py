"""A real Prometheus that watches a real fleet, with the dashboard and the alerts that ship as examples."""

from __future__ import annotations

import http.client
import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from filterfleet.common.process.ports import free_ports
from tests.integration.harness import LOOPBACK, Fleet, Processes, count_done, wait_until

EXAMPLES = Path(__file__).parents[2] / "examples"
RULES = EXAMPLES / "prometheus" / "filterfleet.rules.yml"
DASHBOARD = EXAMPLES / "grafana" / "filterfleet.json"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("prometheus") and shutil.which("promtool")),
        reason="Prometheus is not installed: apt-get install prometheus",
    ),
]


class Prometheus:
    """Scrapes and evaluates once a second."""

    def __init__(self, processes: Processes, folder: Path, rules: str, targets: list[str]) -> None:
        folder.mkdir()
        (folder / "rules.yml").write_text(rules)
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(folder / "rules.yml")],
            "scrape_configs": [{"job_name": "filterfleet", "static_configs": [{"targets": targets}]}],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))  # which is YAML, too
        self._port = free_ports()[0]
        self._daemon = processes.start(
            "--log.level=warn",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{self._port}",
            program=("prometheus",),
        )
        wait_until(self._is_ready, what="Prometheus")

    def _is_ready(self) -> bool:
        assert self._daemon.alive, self._daemon.said
        try:
            return self._get("/-/ready")[0] == 200
        except OSError:
            return False

    def _get(self, path: str) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection(LOOPBACK, self._port, timeout=30)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def ask(self, path: str) -> Any:
        status, body = self._get(f"/api/v1/{path}")
        assert status == 200, body
        return json.loads(body)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self.ask(f"query?query={quote(expression)}")["result"]
        return result

    def value(self, expression: str) -> float | None:
        """The only value of an expression; None if there is none."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else None

    def shows(self, expression: str) -> bool:
        """Whether a panel with this expression has something to draw: numbers, and none that is none."""
        found = self.query(expression)
        return bool(found) and all(math.isfinite(float(one["value"][1])) for one in found)

    @property
    def firing(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"}

    @property
    def health(self) -> list[str]:
        return [target["health"] for target in self.ask("targets")["activeTargets"]]


def quick(rules: str) -> str:
    """The same alerts, which fire within seconds, and for a disk that has any room at all."""
    rules = re.sub(r"\[15m\]", "[6s]", re.sub(r"for: \d+m", "for: 0s", rules))
    return rules.replace("size_bytes < 0.05", "size_bytes < 2")


def expressions() -> Iterator[str]:
    """Those of all panels, as Grafana would ask them."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            asked = target["expr"].replace("$instance", ".*").replace("$__rate_interval", "1m")
            assert "$" not in asked, asked
            yield asked


def promtool(*arguments: object) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_they_should_and_only_then(tmp_path):
    promtool("check", "rules", RULES)
    promtool("check", "config", EXAMPLES / "prometheus" / "prometheus.yml")
    told = (Path(__file__).parent / "alerts.yml").read_text()
    (tmp_path / "alerts.yml").write_text(told.replace("RULES", str(RULES)))
    promtool("test", "rules", tmp_path / "alerts.yml")
    for alert in re.findall(r"alert: (\w+)", RULES.read_text()):
        assert f"alertname: {alert}" in told, "an alert without a test"


def test_a_fleet_is_seen_and_its_trouble_as_well(fleet: Fleet, processes: Processes, photographs, tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"
    shutil.copytree(photographs(12, 100, 200), source)
    ports = [*free_ports(), free_ports()[0]]
    fleet.start_broker("--metrics", ports[0])
    prompt = ("--settle", 0, "--interval", 1, "--exec-hook", "true")
    fleet.start_listener(source, output, "--metrics", ports[1], *prompt)
    prometheus = Prometheus(
        processes, tmp_path / "prometheus", quick(RULES.read_text()), [f"{LOOPBACK}:{port}" for port in ports]
    )
    no_worker = {"FilterfleetDown", "FilterfleetNoWorker", "FilterfleetNothingDone", "FilterfleetDiskFull"}
    wait_until(lambda: no_worker <= prometheus.firing, what="the alerts about a fleet without a worker")
    assert sorted(prometheus.health) == ["down", "up", "up"]
    assert prometheus.value('filterfleet_listener_images{state="pending"}') == 12

    worker = fleet.start_worker("--metrics", ports[2], "--processes", 2)
    wait_until(lambda: prometheus.health == ["up"] * 3, what="all targets")
    wait_until(lambda: count_done(output) == 12, what="the images")
    for number in range(15):
        (source / f"broken-{number}.jpg").write_bytes(b"no image %d" % number)
    wait_until(lambda: "FilterfleetFailuresRising" in prometheus.firing, what="the alert about failures")
    wait_until(lambda: not prometheus.firing & (no_worker - {"FilterfleetDiskFull"}), what="the end of other alerts")
    # A straggler may be worked on twice.
    wait_until(lambda: prometheus.value("sum(filterfleet_worker_images_total{outcome='done'})") >= 12, what="done")
    wait_until(
        lambda: prometheus.value("sum(filterfleet_worker_images_total{outcome='permanent'})") >= 15, what="failed"
    )
    assert prometheus.value("sum(filterfleet_listener_stage_seconds_count{stage='total'})") == 12
    assert prometheus.value("filterfleet_broker_workers") == 2
    assert prometheus.value("filterfleet_listener_broker_connected") == 1
    assert prometheus.value("sum(filterfleet_worker_brokers_connected)") == 2
    for expression in expressions():
        wait_until(lambda: prometheus.shows(expression), what=expression)  # noqa: B023
    instances = prometheus.query("count by (instance) (filterfleet_build_info)")  # among which one may choose
    assert {one["metric"]["instance"] for one in instances} == {f"{LOOPBACK}:{port}" for port in ports}

    killed = worker.worker_processes()[0]
    killed.kill()
    wait_until(lambda: prometheus.value("filterfleet_broker_workers_lost_total") == 1, what="the lost worker")
    present = "count(filterfleet_broker_worker_threads)"
    wait_until(lambda: prometheus.value(present) == 2, what="the worker that came in its place")
    assert not prometheus.query(f'filterfleet_broker_worker_threads{{worker=~".*/{killed.pid}"}}'), "it is gone"
