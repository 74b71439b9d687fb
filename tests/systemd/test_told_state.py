"""What units say of themselves in a real systemd: in `systemctl status`, the journal and `filterfleet status`."""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path
from typing import Any

import pytest

PHOTOS = sorted(Path(__file__).resolve().parents[2].glob("filterfleet/demo/photos/*.*g"))
PROGRAM = "/opt/filterfleet/bin/filterfleet"
BROKER, WORKER, LISTENER = "filterfleet-broker", "filterfleet-worker", "filterfleet-listener"
UNITS = (BROKER, WORKER, LISTENER)
STATE = ("--state", "/var/lib/filterfleet")
SOON = 10.0  # seconds within which everybody is told
AWAY = 12.0  # seconds that the broker is stopped

pytestmark = pytest.mark.slow


def drop(box: Any) -> Path:
    """Puts photographs that nobody has seen into the source. Returns the folder of their edges."""
    folder = box.root / "srv/filterfleet/in" / secrets.token_hex(4)
    folder.mkdir()
    for photo in PHOTOS:
        (folder / photo.name).write_bytes(photo.read_bytes() + secrets.token_bytes(16))
    return Path(box.root / f"srv/filterfleet/out/edges/{folder.name}")


@pytest.fixture
def photographs(box: Any) -> int:
    """Some photographs are processed. Returns how many."""
    box.run("systemctl", "start", *UNITS)
    results = drop(box)
    box.wait_until(lambda: results.is_dir() and len(list(results.iterdir())) == len(PHOTOS), "the results", 90)
    return len(PHOTOS)


def says(box: Any, unit: str) -> str:
    return str(box.show(unit, "StatusText"))


def status(box: Any) -> str:
    return str(box.run(PROGRAM, "status", *STATE))


def warnings(box: Any, unit: str) -> str:
    return str(box.run("journalctl", "--quiet", "--priority=warning", f"--unit={unit}", "--output=cat"))


def number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else -1


def test_each_unit_says_in_numbers_what_it_does(box: Any, photographs: int) -> None:
    box.wait_until(
        lambda: number(r"^0 pending, (\d+) done, \d+ failed\.", says(box, LISTENER)) >= photographs, "numbers"
    )
    assert "Connected to the broker at 127.0.0.1:5555 since" in says(box, LISTENER)
    box.wait_until(
        lambda: number(r"of \d+ threads busy, (\d+) done", says(box, WORKER)) >= photographs, "of the worker"
    )
    assert "Connected to the broker at 127.0.0.1:5556 since" in says(box, WORKER)
    box.wait_until(lambda: number(r"0 running, (\d+) done", says(box, BROKER)) >= photographs, "of the broker")
    assert "1 worker with " in says(box, BROKER)
    shown = box.run("systemctl", "status", *UNITS, check=False)
    assert shown.count("Status: ") == len(UNITS)


def test_a_broker_stopped_for_twelve_seconds_is_told_by_all_and_forgotten_when_it_is_back(
    box: Any, photographs: int
) -> None:
    box.run("systemctl", "stop", BROKER)
    stopped = time.monotonic()
    for unit in (LISTENER, WORKER):
        box.wait_until(lambda: "Cut off from the broker" in says(box, unit), f"{unit} says so", SOON)  # noqa: B023
        box.wait_until(lambda: "broker lost broker=" in warnings(box, unit), f"{unit} logs it", SOON)  # noqa: B023
    box.wait_until(lambda: "Cut off from the broker" in status(box), "the status says so", SOON)
    assert "No broker answers at" in status(box)
    box.wait_until(lambda: time.monotonic() - stopped >= AWAY, "the time is over", AWAY)
    box.run("systemctl", "start", BROKER)
    for unit in (LISTENER, WORKER):
        # Their pauses have doubled meanwhile: 1, 2, 4 and 8 seconds, the last of which may just have begun.
        box.wait_until(lambda: "Connected to the broker" in says(box, unit), f"{unit} is back", 2 * SOON)  # noqa: B023
        box.wait_until(lambda: "broker regained broker=" in box.journal(unit), f"{unit} has told it", SOON)  # noqa: B023
    box.wait_until(lambda: "Cut off" not in status(box), "the status says so", SOON)


def test_a_worker_whose_network_is_cut_is_told_and_forgotten_when_it_is_mended(box: Any, photographs: int) -> None:
    """Every packet from and to the control group of the worker's unit is dropped, by the kernel."""
    box.wait_until(lambda: "1 worker with " in says(box, BROKER), "the worker is there")
    before = len(re.findall("worker_disconnected", box.journal(BROKER)))
    box.run("systemctl", "set-property", "--runtime", WORKER, "IPAddressAllow=", "IPAddressDeny=any")
    try:
        box.wait_until(lambda: "Cut off from the broker" in says(box, WORKER), "the worker says so", SOON)
        box.wait_until(lambda: "broker lost broker=" in warnings(box, WORKER), "the worker logs it", SOON)
        box.wait_until(
            lambda: len(re.findall("worker_disconnected", warnings(box, BROKER))) > before, "the broker logs it", SOON
        )
        box.wait_until(lambda: "0 workers" in says(box, BROKER), "the broker says so", SOON)
        assert "0 workers with 0 threads" in status(box)
        assert re.search(r"^gone ", status(box), re.MULTILINE)
    finally:
        box.run("systemctl", "set-property", "--runtime", WORKER, "IPAddressAllow=localhost", "IPAddressDeny=any")
    box.wait_until(lambda: "Connected to the broker" in says(box, WORKER), "the worker is back", 2 * SOON)
    box.wait_until(lambda: "1 worker with " in says(box, BROKER), "the broker has it again", SOON)
    assert not re.search(r"^gone ", status(box), re.MULTILINE), "it has come back"
    results = drop(box)
    box.wait_until(lambda: results.is_dir() and len(list(results.iterdir())) == len(PHOTOS), "the results", 90)


def test_a_full_disk_is_told_and_forgotten_when_there_is_space(box: Any) -> None:
    """The output is a small disk, which a file fills."""
    output = "/srv/filterfleet/out"
    box.run("systemctl", "stop", LISTENER)
    box.run("mount", "-t", "tmpfs", "-o", "size=3m,mode=0777", "filterfleet-test", output)
    try:
        box.run("systemctl", "start", LISTENER)
        box.run("sh", "-c", f"cat /dev/zero >{output}/filler; true")
        drop(box)
        trouble = "output cannot be written: no space left on device"
        box.wait_until(lambda: trouble in says(box, LISTENER), "the unit says so", SOON)
        box.wait_until(lambda: "No space left" in warnings(box, LISTENER), "the log says so", SOON)
        box.wait_until(lambda: trouble in status(box), "the status says so", SOON)
        box.run("sh", "-c", f"rm {output}/filler; mount -o remount,size=300m {output}")
        box.wait_until(lambda: trouble not in says(box, LISTENER), "the end of it", 120)
        assert "going on" in box.journal(LISTENER)
        assert trouble not in status(box)
    finally:
        box.run("systemctl", "stop", LISTENER)
        box.run("umount", output)
        box.run("systemctl", "start", LISTENER)


def test_a_unit_that_cannot_start_says_why_as_an_error(box: Any) -> None:
    drop_in = box.root / f"etc/systemd/system/{LISTENER}.service.d/nowhere.conf"
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text("[Service]\nEnvironment=SOURCE=/srv/nowhere\n")
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", LISTENER, check=False)

    def errors() -> str:
        found = box.run("journalctl", "--quiet", "--priority=err", f"--unit={LISTENER}", "--output=cat")
        return str(found)

    box.wait_until(lambda: "The source folder /srv/nowhere does not exist." in errors(), "the reason")
    drop_in.unlink()
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", LISTENER)
