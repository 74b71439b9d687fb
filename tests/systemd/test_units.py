"""The unit files: linted on every machine, and run by a real systemd where that is possible."""

from __future__ import annotations

import itertools
import json
import re
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

UNIT_FILES = sorted(Path(__file__).resolve().parents[2].glob("systemd/*.service"))
PHOTOS = sorted(Path(__file__).resolve().parents[2].glob("filterfleet/demo/photos/*.*g"))
PROGRAM = "/opt/filterfleet/bin/filterfleet"
BROKER, WORKER, LISTENER = "filterfleet-broker", "filterfleet-worker", "filterfleet-listener"
DASHBOARD = "filterfleet-dashboard"
WATCHDOG_LIMIT = 3  # seconds
WATCHDOG = f"[Service]\nWatchdogSec={WATCHDOG_LIMIT}s\n"
STORM = 400  # images, which are some seconds of work

# The only places where a run may leave new files: our own, and those of systemd.
OURS = ("srv/filterfleet/", "srv/cloud/", "var/lib/filterfleet")
SYSTEM = ("var/log/", "var/lib/systemd/", "var/tmp/systemd-private-", "var/lib/private", "var/cache/private")

needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs the apt package systemd")


def test_there_is_a_unit_for_each_daemon() -> None:
    assert [file.stem for file in UNIT_FILES] == [BROKER, DASHBOARD, LISTENER, WORKER]


@needs_analyze
@pytest.mark.parametrize("file", UNIT_FILES, ids=lambda file: file.stem)
def test_unit_has_no_mistakes(file: Path, tmp_path: Path) -> None:
    unit = tmp_path / file.name
    unit.write_text(file.read_text().replace(PROGRAM, shutil.which("true") or ""))  # the program has to exist
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=yes", "--man=no", str(unit)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert file.name not in done.stderr


@needs_analyze
@pytest.mark.parametrize("file", UNIT_FILES, ids=lambda file: file.stem)
def test_unit_is_hardened(file: Path) -> None:
    argv = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(file)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


class Fleet:
    """The three units in the box, and their photographs."""

    def __init__(self, box: Any) -> None:
        self.box = box
        self.source = box.root / "srv/filterfleet/in"
        self.output = box.root / "srv/filterfleet/out"

    def main_pid(self, unit: str) -> str:
        return str(self.box.show(unit, "MainPID"))

    def worker_process(self) -> str:
        pid = self.main_pid(WORKER)
        return str(self.box.run("cat", f"/proc/{pid}/task/{pid}/children"))

    def restarts(self, unit: str) -> int:
        return int(self.box.show(unit, "NRestarts"))

    def wait_until_fed(self, unit: str) -> None:
        """Waits for a sign of life later than WATCHDOG_LIMIT after the start: the unit keeps feeding its watchdog."""
        started = int(self.box.show(unit, "ActiveEnterTimestampMonotonic"))
        fed = started + 1_000_000 * (WATCHDOG_LIMIT + 1)
        self.box.wait_until(lambda: int(self.box.show(unit, "WatchdogTimestampMonotonic")) > fed, f"{unit} is fed")

    def is_active(self, *units: str) -> bool:
        return all(self.box.show(unit, "ActiveState") == "active" for unit in units)

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.box.run(PROGRAM, "status", "--json")))

    def wait_for_work(self) -> None:
        """Waits until workers hold leases."""
        self.box.wait_until(lambda: any(worker["leases"] for worker in self.status()["workers"]), "work begins")

    def drop(self, count: int) -> Path:
        """Puts `count` different photographs into a new folder of the source. Returns the folder's name."""
        folder = Path(secrets.token_hex(4))
        (self.source / folder).mkdir()
        for number, photo in zip(range(count), itertools.cycle(PHOTOS), strict=False):
            content = photo.read_bytes() + secrets.token_bytes(16)  # decoders ignore what follows the image
            (self.source / folder / f"{number:04}{photo.suffix}").write_bytes(content)
        return folder

    def wait_for_results(self, folder: Path, timeout: float = 90.0) -> None:
        wanted = 3 * len(list((self.source / folder).iterdir()))
        found = f"*/{folder}/*"
        self.box.wait_until(
            lambda: len(list(self.output.glob(found))) == wanted, f"{wanted} results in {folder}", timeout
        )

    def wait_for_restart(self, unit: str, before: int) -> None:
        self.box.wait_until(lambda: self.restarts(unit) == before + 1 and self.is_active(unit), f"{unit} is back")


@pytest.fixture
def fleet(box: Any) -> Fleet:
    """All three units active."""
    box.run("systemctl", "start", BROKER, WORKER, LISTENER)
    return Fleet(box)


@pytest.mark.slow
def test_units_start_and_photographs_are_filtered(fleet: Fleet) -> None:
    fleet.wait_for_results(fleet.drop(len(PHOTOS)))
    assert [fleet.restarts(unit) for unit in (BROKER, WORKER, LISTENER)] == [0, 0, 0]
    assert fleet.box.run("stat", "--format=%U", "/srv/filterfleet/out/edges") == "filterfleet"
    for unit in (BROKER, WORKER):
        assert fleet.box.run("stat", "--format=%u", f"/proc/{fleet.main_pid(unit)}") != "0"


@pytest.mark.slow
def test_units_take_their_settings_from_the_file_and_a_reload_takes_new_ones(fleet: Fleet) -> None:
    file = fleet.box.root / "etc/filterfleet/filterfleet.toml"
    before, pids = file.read_text(), [fleet.main_pid(unit) for unit in (BROKER, WORKER, LISTENER)]
    file.write_text(before + '[worker]\nthreads = 7\n[fleet]\nlog_level = "debug"\n')
    fleet.box.run("systemctl", "reload", BROKER, WORKER, LISTENER)
    for unit in (BROKER, WORKER, LISTENER):
        fleet.box.wait_until(lambda: "settings reloaded" in fleet.box.journal(unit), f"{unit} has read them")  # noqa: B023
    fleet.box.wait_until(lambda: "threads=7" in fleet.box.journal(BROKER), "seven threads")
    fleet.wait_for_results(fleet.drop(len(PHOTOS)))
    assert pids == [fleet.main_pid(unit) for unit in (BROKER, WORKER, LISTENER)]
    file.write_text(before)
    fleet.box.run("systemctl", "reload", BROKER, WORKER, LISTENER)


@pytest.mark.slow
def test_worker_processes_confine_themselves_within_the_unit(fleet: Fleet) -> None:
    fleet.wait_for_results(fleet.drop(len(PHOTOS)))
    assert re.search(r"sandbox confinement='no_new_privs, Landlock ABI \d+, seccomp\b", fleet.box.journal(WORKER))


@pytest.mark.slow
@pytest.mark.parametrize("unit", [BROKER, WORKER, LISTENER])
def test_killed_unit_is_restarted_and_work_goes_on(fleet: Fleet, unit: str) -> None:
    before = fleet.restarts(unit)
    folder = fleet.drop(STORM)
    fleet.wait_for_work()
    fleet.box.run("kill", "-KILL", fleet.main_pid(unit))
    fleet.wait_for_restart(unit, before)
    fleet.wait_for_results(folder)
    assert fleet.restarts(unit) == before + 1


@pytest.mark.slow
def test_killed_worker_process_is_restarted_by_its_parent(fleet: Fleet) -> None:
    parent, restarts = fleet.main_pid(WORKER), fleet.restarts(WORKER)
    folder = fleet.drop(STORM)
    fleet.wait_for_work()
    killed = fleet.worker_process()
    fleet.box.run("kill", "-KILL", killed)
    fleet.box.wait_until(lambda: fleet.worker_process() not in ("", killed), "another process works")
    fleet.wait_for_results(folder)
    assert (fleet.main_pid(WORKER), fleet.restarts(WORKER)) == (parent, restarts)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [BROKER, WORKER, LISTENER])
def test_hanging_unit_is_killed_by_the_watchdog_and_restarted(fleet: Fleet, unit: str) -> None:
    drop_in = fleet.box.root / f"etc/systemd/system/{unit}.service.d/short-watchdog.conf"
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text(WATCHDOG)
    fleet.box.run("systemctl", "daemon-reload")
    fleet.box.run("systemctl", "restart", unit)
    fleet.wait_until_fed(unit)
    before = fleet.restarts(unit)
    assert before == 0
    fleet.box.run("kill", "-STOP", fleet.main_pid(unit))
    fleet.wait_for_restart(unit, before)
    assert "Watchdog timeout" in fleet.box.journal(unit)
    fleet.wait_for_results(fleet.drop(1))
    drop_in.unlink()
    fleet.box.run("systemctl", "daemon-reload")
    fleet.box.run("systemctl", "restart", unit)


@pytest.mark.slow
def test_stopped_worker_drains(fleet: Fleet) -> None:
    folder = fleet.drop(STORM)
    fleet.wait_for_work()
    fleet.box.run("systemctl", "stop", WORKER)
    assert [fleet.box.show(WORKER, name) for name in ("Result", "ExecMainStatus")] == ["success", "0"]
    status = fleet.status()
    assert status["running"] == 0, "it left while it held tasks"
    assert status["waiting"] > 0, "it was stopped too late to show anything"
    assert "handing tasks back" not in fleet.box.journal(WORKER)
    fleet.box.run("systemctl", "start", WORKER)
    fleet.wait_for_results(folder)


@pytest.mark.slow
def test_an_upgrade_in_place_loses_nothing(fleet: Fleet) -> None:
    """As docs/operations.md says, while images are fed."""
    box, units = fleet.box, (BROKER, WORKER, LISTENER)
    old = box.root / f"etc/systemd/system/{WORKER}.service"
    shipped = old.read_text()
    old.write_text(shipped.replace("WatchdogSec=20s", "WatchdogSec=25s"))
    box.run("systemctl", "daemon-reload")
    before = [fleet.main_pid(unit) for unit in units]
    folder = fleet.drop(STORM)
    fleet.wait_for_work()
    pip = "/opt/filterfleet/bin/pip install --quiet --no-index --no-deps --force-reinstall /mnt/dist/*.whl"
    box.run("sh", "-c", pip)
    fleet.box.run(PROGRAM, "systemd", "upgrade")
    assert old.read_text() == shipped
    assert not set(before) & {fleet.main_pid(unit) for unit in units}
    assert box.show(WORKER, "WatchdogUSec") == "20s"
    fleet.wait_for_results(folder)
    assert fleet.is_active(*units)
    assert "0 failed" in box.run(PROGRAM, "status", "--state", "/var/lib/filterfleet")


@pytest.mark.slow
def test_units_stop_cleanly(fleet: Fleet) -> None:
    units = (LISTENER, WORKER, BROKER)
    fleet.box.run("systemctl", "stop", *units)
    assert [fleet.box.show(unit, "Result") for unit in units] == ["success"] * 3
    assert [fleet.box.show(unit, "ExecMainStatus") for unit in units] == ["0"] * 3
    fleet.box.run("systemctl", "start", *units)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [BROKER, WORKER, LISTENER])
@pytest.mark.parametrize("folder", ["/etc", "/opt/filterfleet", "/srv/filterfleet/in", "/usr", "/var"])
def test_rest_of_the_machine_is_read_only(fleet: Fleet, unit: str, folder: str) -> None:
    target = ("nsenter", "-t", fleet.main_pid(unit), "-m", "touch", f"{folder}/intruder")  # as root
    assert "Read-only file system" in fleet.box.run(*target, check=False)


@pytest.mark.slow
def test_listener_serves_cloud_folders(fleet: Fleet) -> None:
    box, root = fleet.box, fleet.box.root
    cloud = root / "srv/cloud"
    (cloud / "in").mkdir(parents=True)
    serve = (
        "/opt/filterfleet/bin/rclone",
        "serve",
        "webdav",
        "--addr=127.0.0.1:8080",
        "--dir-cache-time=1s",
        "/srv/cloud",
    )
    box.run("systemd-run", "--quiet", "--unit=cloud", "--property=Restart=always", *serve)
    config = root / "var/lib/filterfleet/rclone.conf"
    config.write_text("[cloud]\ntype = webdav\nurl = http://127.0.0.1:8080\nvendor = rclone\n")
    box.run("chown", "filterfleet:", "/var/lib/filterfleet/rclone.conf")
    drop_in = root / f"etc/systemd/system/{LISTENER}.service.d/cloud.conf"
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text(
        "[Service]\nEnvironment=SOURCE=cloud:in OUTPUT=cloud:out\n"
        'Environment="OPTIONS=--rclone-config %S/filterfleet/rclone.conf --interval 1"\n'
    )
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", LISTENER)
    for photo in PHOTOS:
        shutil.copy(photo, cloud / "in")
    edges = cloud / "out/edges"
    box.wait_until(lambda: edges.is_dir() and len(list(edges.iterdir())) == len(PHOTOS), "the cloud's results", 90)
    box.run("systemctl", "stop", LISTENER)
    assert box.show(LISTENER, "Result") == "success"
    assert "rcd" not in box.run("ps", "-eo", "args")
    drop_in.unlink()
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", LISTENER)
    box.run("systemctl", "stop", "cloud")


@pytest.mark.slow
def test_units_serve_metrics_and_start_programs(fleet: Fleet) -> None:
    """With the drop-ins of docs/metrics.md."""
    box, root = fleet.box, fleet.box.root
    told = root / "var/lib/filterfleet/told"
    hook = "--exec-hook \\'/bin/sh -c \"touch /var/lib/filterfleet/told\"\\' --hook-events batch.done"
    drop_ins = []
    for unit, port, more in ((BROKER, 9464, ""), (WORKER, 9465, ""), (LISTENER, 9466, hook)):
        drop_ins.append(root / f"etc/systemd/system/{unit}.service.d/metrics.conf")
        drop_ins[-1].parent.mkdir(exist_ok=True)
        options = f"--metrics {port} {more}".strip().replace('"', '\\"')
        # The box may have this test's Python at another place, whose modules need its own library.
        library = "Environment=LD_LIBRARY_PATH=/opt/python/lib\n"
        drop_ins[-1].write_text(f'[Service]\nEnvironment="OPTIONS={options}"\nSocketBindAllow=tcp:{port}\n{library}')
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", BROKER, WORKER, LISTENER)
    fleet.wait_for_results(fleet.drop(len(PHOTOS)))

    def page(port: int) -> str:
        read = (
            f"import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:{port}/metrics').read().decode())"
        )
        return str(box.run("python3", "-c", read))

    box.wait_until(lambda: "filterfleet_broker_workers 1.0" in page(9464), "the broker's numbers")
    box.wait_until(lambda: 'images_total{outcome="done",process="worker-1"}' in page(9465), "the worker's numbers")
    assert 'filterfleet_process_open_fds{process="worker-1"}' in page(9465), "of a process that the parent may look at"
    box.wait_until(lambda: 'filterfleet_listener_images{state="pending"} 0.0' in page(9466), "the listener's numbers")
    box.wait_until(told.exists, "the end of the batch is told")
    for drop_in in drop_ins:
        drop_in.unlink()
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", BROKER, WORKER, LISTENER)


@pytest.mark.slow
def test_nothing_is_written_elsewhere(fleet: Fleet) -> None:
    fleet.wait_for_results(fleet.drop(len(PHOTOS)))
    fresh = fleet.box.written() - fleet.box.written_before
    assert any(path.startswith("srv/filterfleet/out/") for path in fresh)
    assert any(path.startswith("var/lib/filterfleet/ledger") for path in fresh)
    drop_ins = tuple(f"etc/systemd/system/{unit}.service.d" for unit in (BROKER, WORKER, LISTENER))
    assert sorted(path for path in fresh if not path.startswith(OURS + SYSTEM + drop_ins)) == []
