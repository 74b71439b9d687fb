"""The commands of pages that need services, as they stand there, in a real systemd.

A comment on a page leaves the commands of its block to this test. STORIES has the sections with such commands: what
somebody has done before, and what is true afterwards.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks_in, commands_for
from tests.systemd.conftest import UNITS, Box, packages
from tests.systemd.services import CHECKOUT, LEDGER, PHOTOS, Services

COMMANDS = commands_for("tests/systemd/test_service_commands.py")
OPERATIONS, DASHBOARD = "docs/operations.md", "docs/dashboard.md"
CONFIGURATION, EVENTS = "docs/configuration.md", "docs/events.md"
INSTALLING = (OPERATIONS, "Under systemd")
WORKER, LISTENER = "filterfleet-worker", "filterfleet-listener"
PAGE = "filterfleet-dashboard"
TOOLS = {"sqlite3": "sqlite3", "curl": "curl", "ip": "iproute2"}  # that the box has from this machine
RCLONE = """[s3]
type = s3
provider = Rclone
endpoint = http://127.0.0.1:9000
access_key_id = an-id
secret_access_key = a-secret
"""
SERVE = "/opt/filterfleet/bin/rclone serve s3 --addr 127.0.0.1:9000 --auth-key an-id,a-secret --dir-cache-time=1s"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """filterfleet is installed and runs, by the commands of docs/operations.md."""
    if missing := [package for tool, package in TOOLS.items() if shutil.which(tool) is None]:
        pytest.skip(f"needs the apt packages {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("commands")
    binds, python = packages()
    with Box(folder, binds | {ROOT: CHECKOUT}) as box:
        made = Services(box, python)
        made.install(COMMANDS[INSTALLING])
        assert made.are_active()
        yield made


def block(page: str, heading: str, kind: str, number: int = 0) -> str:
    """A block of this kind in a section of a page. number: from 0."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [one.body for one in blocks_in(text) if (one.heading, one.kind) == (heading, kind)][number]


def settings(services: Services) -> Path:
    return Path(services.box.root / "etc/filterfleet/filterfleet.toml")


# --- the stories: each gets the commands of its section ----


def the_log_and_the_state_are_shown(services: Services, commands: list[str]) -> None:
    follow, warnings, status = commands
    assert services.watch(follow, "listener started")
    assert "Traceback" not in services.type(warnings)
    for unit in UNITS:
        services.box.wait_until(lambda: services.box.show(unit, "StatusText"), f"{unit} says what it does")  # noqa: B023
    shown = services.type(status)
    assert shown.count("Status: ") == shown.count("active (running)") == 3


def the_ledger_answers_and_an_image_is_done_again(services: Services, commands: list[str]) -> None:
    ask, redo = commands
    (edges,) = (file for file in services.drop("trip") if "edges/trip/a.jpg" in str(file))
    said = services.type(ask, answer=block(OPERATIONS, "The ledger", "sql"))
    assert "trip/a.jpg" in said
    assert "Error" not in said
    assert len(re.findall(r"^-+(?:  -+)+$", said, re.MULTILINE)) >= 3  # a table for each question that has rows
    before = edges.stat().st_mtime_ns
    services.type(redo)
    services.box.wait_until(lambda: edges.stat().st_mtime_ns != before, "another file", 90)


def a_damaged_ledger_is_made_anew(services: Services, commands: list[str]) -> None:
    check, stop, rebuild, start = commands
    results = services.drop()
    done, before = services.done(), [file.stat().st_mtime_ns for file in results]
    services.box.run("systemctl", "stop", LISTENER)
    with (services.box.root / LEDGER.lstrip("/")).open("r+b") as file:
        file.write(b"This is damage. " * 64)
    services.box.run("systemctl", "start", "--no-block", LISTENER)
    services.box.wait_until(lambda: "`filterfleet ledger check`" in services.box.journal(LISTENER), "its sentence")
    assert "is damaged" in services.type(check, code=1)
    services.type(stop)
    assert f"The new one has {done} images that are done." in services.type(rebuild)
    services.type(start)
    assert services.done() == done
    services.drop()
    assert [file.stat().st_mtime_ns for file in results] == before, "they were not made again"


def a_cloud_is_source_and_output(services: Services, commands: list[str]) -> None:
    (install,) = commands
    box, before = services.box, settings(services).read_text()
    cloud = box.root / "srv/cloud"
    for folder in ("photos", "results"):
        (cloud / folder).mkdir(parents=True)
    box.run("systemd-run", "--quiet", "--unit=cloud", *SERVE.split(), "/srv/cloud")
    (box.root / "root/rclone.conf").write_text(RCLONE)
    services.type(install)
    settings(services).write_text(f"{before}interval = 1\n")
    drop_in = services.drop_in(LISTENER, block(OPERATIONS, "Cloud folders", "ini"))
    box.run("systemctl", "restart", LISTENER)
    for photo in PHOTOS:
        (cloud / "photos" / photo.name).write_bytes(photo.read_bytes())
    edges = cloud / "results/edges"
    box.wait_until(lambda: edges.is_dir() and len(list(edges.iterdir())) == len(PHOTOS), "the cloud's results", 90)
    drop_in.unlink()
    settings(services).write_text(before)
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", LISTENER)
    box.run("systemctl", "stop", "cloud")


def folders_of_a_user_are_source_and_output(services: Services, commands: list[str]) -> None:
    box = services.box
    services.type("useradd --create-home ann && runuser -u ann -- mkdir /home/ann/Pictures /home/ann/Filtered")
    for command in commands:
        services.type(command)
    drop_in = services.drop_in(LISTENER, block(OPERATIONS, "Other folders", "ini", 1))
    box.run("systemctl", "restart", LISTENER)
    (box.root / "home/ann/Pictures/a.jpg").write_bytes(PHOTOS[0].read_bytes())
    result = "/home/ann/Filtered/edges/a.jpg.png"
    box.wait_until((box.root / result.lstrip("/")).exists, "the result", 90)
    services.type(f"runuser -u ann -- cat {result} >copy")
    drop_in.unlink()
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", LISTENER)


def an_upgrade_starts_everything_again(services: Services, commands: list[str]) -> None:
    before = services.pids()
    for command in commands:
        services.type(command, where=CHECKOUT)
    assert services.are_active()
    assert not set(before) & set(services.pids())
    services.drop()


def a_backup_of_the_ledger_is_restored(services: Services, commands: list[str]) -> None:
    backup, *restore = commands
    kept = services.done()
    services.type(backup)
    assert services.done("/root/filterfleet-ledger.sqlite3") == kept
    services.drop()
    for command in restore:
        services.type(command)
    services.box.wait_until(lambda: services.done() == kept + len(PHOTOS), "those of later are made once more", 90)
    assert services.are_active()


def settings_are_read_again(services: Services, commands: list[str]) -> None:
    reload, hang_up = commands
    before = settings(services).read_text()

    def told(unit: str) -> int:
        return len(re.findall("settings reloaded", services.box.journal(unit)))

    for command, units in ((reload, UNITS), (hang_up, (WORKER,))):
        counts = {unit: told(unit) for unit in units}
        level = "debug" if command == reload else "info"
        settings(services).write_text(f'{before}[fleet]\nlog_level = "{level}"\n')
        services.type(command)
        for unit, count in counts.items():
            services.box.wait_until(lambda: told(unit) > count, f"{unit} has read them")  # noqa: B023
    settings(services).write_text(before)
    services.type(reload)


def an_image_is_followed_by_its_id(services: Services, commands: list[str]) -> None:
    """The photograph of the page's example has the first 2,000 bytes of one that is whole."""
    (follow,) = commands
    (services.source / "trip").mkdir(exist_ok=True)
    (services.source / "trip/a.jpg").write_bytes(PHOTOS[0].read_bytes()[:2000])
    services.box.wait_until(lambda: "path='trip/a.jpg'" in services.box.journal(LISTENER), "it fails", 90)
    said = services.type(follow)
    assert "image failed" in said
    assert "The JPEG file is damaged or cut short." in said


def the_dashboard_is_a_service(services: Services, commands: list[str]) -> None:
    install, status, address, with_keys = commands
    box = services.box
    # The box may have this test's Python at another place, whose modules need its own library.
    services.drop_in(PAGE, "[Service]\nEnvironment=LD_LIBRARY_PATH=/opt/python/lib\n")
    services.type(install)
    box.wait_until(lambda: box.show(PAGE, "StatusText"), "it says where it is")
    assert "At 127.0.0.1:8765, 0 browsers have the page open" in services.type(status)
    url = services.type(address)
    assert "<title>" in services.type(f"curl --silent --fail --location --cookie jar --cookie-jar jar '{url}'")

    box.run("ip", "address", "add", "192.168.1.10/24", "dev", "lo")
    services.type("filterfleet keys /etc/filterfleet/keys")
    at = "--broker 192.168.1.10 --keys /etc/filterfleet/keys"
    services.type(f"filterfleet systemd install --role broker --role listener {at}")
    services.type(with_keys)
    ask = f"curl --silent --fail -H 'Authorization: Bearer {url.partition('token=')[2]}' http://127.0.0.1:8765/api/now"
    box.wait_until(lambda: '"answers":true' in services.type(ask).replace(" ", ""), "the broker with keys answers")


Story = Callable[[Services, list[str]], None]
STORIES: dict[tuple[str, str], Story] = {
    (OPERATIONS, "Watching it"): the_log_and_the_state_are_shown,
    (OPERATIONS, "The ledger"): the_ledger_answers_and_an_image_is_done_again,
    (OPERATIONS, "A damaged ledger"): a_damaged_ledger_is_made_anew,
    (OPERATIONS, "Cloud folders"): a_cloud_is_source_and_output,
    (OPERATIONS, "Other folders"): folders_of_a_user_are_source_and_output,
    (OPERATIONS, "Upgrading"): an_upgrade_starts_everything_again,
    (OPERATIONS, "Backing up"): a_backup_of_the_ledger_is_restored,
    (CONFIGURATION, "Reading it again"): settings_are_read_again,
    (EVENTS, "One image through all logs"): an_image_is_followed_by_its_id,
    (DASHBOARD, "Under systemd"): the_dashboard_is_a_service,
}


def test_every_section_that_leaves_commands_to_this_test_has_a_story() -> None:
    assert COMMANDS.keys() == {INSTALLING, *STORIES}


@pytest.mark.slow
@pytest.mark.parametrize("section", STORIES, ids="{0[0]}: {0[1]}".format)
def test_commands_do_what_their_page_says(section: tuple[str, str], services: Services) -> None:
    STORIES[section](services, COMMANDS[section])
