"""Real daemons that are started by a file, and read it again while they run."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.common.process.ports import free_ports
from tests.integration.harness import Daemon, Processes, wait_until

PHOTO = min(Path(__file__).resolve().parents[2].glob("filterfleet/demo/photos/*.jpg"))
GRAY = '[outputs.gray]\nsteps = [{ filter = "grayscale" }]\n'
BOTH = GRAY + '[outputs.blurred]\nsteps = [{ filter = "gaussian_blur" }]\n'


class Site:
    """One file for all daemons of a machine, and what they have to do."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self._processes = processes
        self._ports = free_ports()
        self._page = free_ports().frontend
        self._folder = folder
        self.file = folder / "filterfleet.toml"
        self.recipe = folder / "recipe.toml"
        self.source, self.output = folder / "in", folder / "out"
        self.source.mkdir()
        self.recipe.write_text(GRAY)
        self.daemons: dict[str, Daemon] = {}

    @property
    def busy_port(self) -> int:
        return self._ports.frontend

    def write(self, *, fleet: str = "", broker: str = "", worker: str = "", listener: str = "") -> None:
        self.file.write_text(
            f"[fleet]\nfrontend_port = {self._ports.frontend}\nbackend_port = {self._ports.backend}\n{fleet}\n"
            f"[broker]\n{broker}\n[worker]\n{worker}\n"
            f'[listener]\nsource = "{self.source}"\noutput = "{self.output}"\nrecipe = "{self.recipe}"\n{listener}\n'
            f'[dashboard]\noutput = "{self.output}"\nbind = "127.0.0.1:{self._page}"\n'
        )

    def start(self, *roles: str) -> None:
        for role in roles:
            daemon = self.begin(role)
            wait_until(lambda: f"{role} started" in daemon.said or not daemon.alive, what=role)  # noqa: B023
            assert daemon.alive, daemon.said

    def begin(self, role: str) -> Daemon:
        self.daemons[role] = self._processes.start(role, "--config", self.file)
        return self.daemons[role]

    def reload(self, says: str) -> None:
        """Sends SIGHUP to all. Each one says that in its log, and lives."""
        before = {role: daemon.said.count(says) for role, daemon in self.daemons.items()}
        for daemon in self.daemons.values():
            daemon.process.send_signal(signal.SIGHUP)
        for role, daemon in self.daemons.items():
            wait_until(lambda: daemon.said.count(says) > before[role] or not daemon.alive, what=f"{role}: {says}")  # noqa: B023
        assert all(daemon.alive for daemon in self.daemons.values())

    def put(self, name: str) -> None:
        photo = self._folder / name
        photo.write_bytes(PHOTO.read_bytes() + name.encode())  # another content: a decoder ignores what follows
        photo.rename(self.source / name)

    def wait_for(self, *outputs: str) -> None:
        wait_until(lambda: all((self.output / name).is_file() for name in outputs), what=f"{outputs}")


@pytest.fixture
def site(processes: Processes, tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    return Site(processes, folder)


@pytest.mark.slow
def test_daemons_take_their_settings_from_the_file_and_read_it_again(site: Site) -> None:
    site.write(worker="threads = 1")
    site.start("broker", "worker", "listener", "dashboard")
    broker, worker, listener = (site.daemons[role] for role in ("broker", "worker", "listener"))
    site.put("a.jpg")
    site.wait_for("gray/a.jpg")
    assert "threads=1" in broker.said

    # Recipe, threads and the level change while everything runs; the address of the broker does not.
    site.recipe.write_text(BOTH)
    site.write(fleet='log_level = "debug"', broker='bind = "127.0.0.2"', worker="threads = 2")
    site.reload("settings reloaded")
    assert "changed=log_level needs_restart=bind" in broker.said
    assert "changed='threads, log_level' needs_restart=nothing" in worker.said
    site.wait_for("blurred/a.jpg")
    wait_until(lambda: "threads=2" in broker.said, what="another process of the worker")
    assert listener.said.count("listener started") == 2

    # A file that is broken, and a recipe that is: the old settings stay, and the work goes on.
    good = site.file.read_text()
    site.file.write_text(good + "[fleet\n")
    site.reload("settings not reloaded, the old ones stay")
    site.file.write_text(good)
    site.recipe.write_text("[outputs.gray]\nsteps = [{ filter = 'grayscole' }]\n")
    listener.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "grayscole" in listener.said, what="the mistake in the recipe")
    site.put("b.jpg")
    site.wait_for("gray/b.jpg", "blurred/b.jpg")
    assert listener.said.count("listener started") == 2


@pytest.mark.slow
def test_settings_that_cannot_be_opened_are_given_up_for_the_old_ones(site: Site) -> None:
    site.write()
    site.start("broker", "worker", "listener")
    listener = site.daemons["listener"]
    site.write(listener=f'hints = "127.0.0.1:{site.busy_port}"')
    listener.process.send_signal(signal.SIGHUP)
    wait_until(lambda: listener.said.count("listener started") == 2, what="the old settings")
    assert "settings not reloaded, the old ones stay" in listener.said
    site.put("a.jpg")
    site.wait_for("gray/a.jpg")
    site.write(listener="transfers = 2")
    listener.process.send_signal(signal.SIGHUP)
    wait_until(lambda: listener.said.count("listener started") == 3, what="other settings")
    assert "changed='transfers, hints'" in listener.said


@pytest.mark.slow
def test_a_worker_replaces_its_processes_one_by_one_with_work_in_hand(site: Site) -> None:
    site.write(worker="threads = 1\nprocesses = 2")
    site.start("broker", "worker", "listener")
    worker, broker = site.daemons["worker"], site.daemons["broker"]
    wait_until(lambda: broker.said.count("worker_admitted") == 2, what="two processes")
    for number in range(60):
        site.put(f"{number}.jpg")
    wait_until(lambda: any(site.output.glob("gray/*")), what="the first result")
    site.write(worker='threads = 1\nprocesses = 2\nmemory = "300M"')
    worker.process.send_signal(signal.SIGHUP)
    wait_until(lambda: broker.said.count("worker_admitted") == 4, what="two other processes")
    site.wait_for(*(f"gray/{number}.jpg" for number in range(60)))
    assert "worker_lost" not in broker.said
    assert "process died" not in worker.said
    assert not list(site.output.glob("failed/*"))


@pytest.mark.slow
def test_a_listener_that_waits_for_a_remote_takes_another_source(site: Site) -> None:
    site.write()
    good = site.file.read_text()
    site.file.write_text(good.replace(f'"{site.source}"', "\":webdav,url='http://127.0.0.1:1':photos\""))
    site.start("broker", "worker")
    listener = site.begin("listener")
    wait_until(lambda: "waiting for a remote" in listener.said or not listener.alive, what="the remote")
    site.put("a.jpg")
    site.file.write_text(good)
    listener.process.send_signal(signal.SIGHUP)
    site.wait_for("gray/a.jpg")
    assert "settings reloaded changed=source" in listener.said
