"""A real systemd for the units: PID 1 of a systemd-nspawn container, the box, on a temporary overlay of this machine.

The box sees every program of this machine, writes to memory only, and has no network but its own loopback interface.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
HOME = "/opt/filterfleet"
UNITS = ("filterfleet-broker", "filterfleet-worker", "filterfleet-listener")
PACKAGES = {"systemd-nspawn": "systemd-container", "systemctl": "systemd-sysv", "dbus-daemon": "dbus"}
CONTROLLERS = ("memory", "pids", "cpu", "cpuacct")  # of cgroup v1, where nspawn mounts them read-only
HIDDEN = ("/root/", "/home/")  # ProtectHome hides these from the daemons
POWER_OFF = signal.SIGRTMIN + 4  # systemd(1)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _own_cgroups(name: str) -> list[Path]:
    """The folders of a control group of that name below this process's own, one in each hierarchy that systemd uses."""
    root = Path("/sys/fs/cgroup")
    mounts = {name: root / name for name in (*CONTROLLERS, "cpu,cpuacct")}
    mounts["name=systemd"] = root / "systemd"
    mounts[""] = root / "unified" if (root / "unified").is_dir() else root  # cgroup v2, beside v1 or alone
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    return [mounts[names] / own.strip("/") / name for _, names, own in lines if names in mounts]


class Box:
    """A context manager: the box boots on entering and leaves no trace. `root` is its root folder as seen from here.
    namespace is a network namespace that it is to be in, instead of a network of its own."""

    def __init__(self, folder: Path, binds: dict[Path, str], namespace: str = "") -> None:
        self._folder = folder
        self._name = f"filterfleet-test-{os.getpid()}-{folder.name}"
        self._network = f"--network-namespace-path=/run/netns/{namespace}" if namespace else "--private-network"
        self._binds = [f"--bind-ro={source}:{target}" for source, target in binds.items()]
        self._cgroups = _own_cgroups(self._name)
        self._stack = contextlib.ExitStack()
        self._leader = 0
        self.upper = folder / "overlay/upper"
        self.root = folder / "overlay/root"
        self.written_before: set[str] = set()  # files written before the units were started

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._mount(stack)
            self._boot(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, *argv: str, check: bool = True) -> str:
        """Runs a command in the box. Returns its output, standard error included."""
        environment = ("env", "-i", f"PATH={os.defpath}:/usr/sbin:/sbin", "LANG=C.UTF-8", "SYSTEMD_COLORS=0")
        enter = ("nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-n", "-p", "-C", "--")
        done = subprocess.run(
            [*enter, *environment, *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
        )
        assert not check or done.returncode == 0, f"{' '.join(argv)}: {done.stdout}"
        return done.stdout.strip()

    @staticmethod
    def wait_until(true: Callable[[], Any], what: str, timeout: float = 30.0) -> None:
        """Returns when true() is true; asks ten times a second. Fails after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not true():
            assert time.monotonic() < deadline, f"{what}: not within {timeout:g} s"
            time.sleep(0.1)

    def written(self) -> set[str]:
        """The files that were made or changed in the box, below its root, but for those in /run and /tmp."""
        return {str(path.relative_to(self.upper)) for path in self.upper.rglob("*") if not path.is_dir()}

    def show(self, unit: str, name: str) -> str:
        """The value of a property of a unit."""
        return self.run("systemctl", "show", "--value", "--property", name, unit)

    def journal(self, unit: str) -> str:
        return self.run("journalctl", "--quiet", "--no-pager", "--output=cat", f"--unit={unit}")

    def _mount(self, stack: contextlib.ExitStack) -> None:
        overlay = self._folder / "overlay"
        overlay.mkdir()
        self._attach(stack, overlay, "-t", "tmpfs", "-o", "size=3g", "filterfleet-test")
        for part in (self.upper, self.root, overlay / "work"):
            part.mkdir()
        layers = f"lowerdir=/,upperdir={self.upper},workdir={overlay / 'work'}"
        self._attach(stack, self.root, "-t", "overlay", "-o", layers, "filterfleet-test")
        for enabled in (self.root / "etc/systemd/system").glob("*.wants"):  # the host's services stay off
            shutil.rmtree(enabled)
        (self.root / "etc/machine-id").unlink(missing_ok=True)
        (self.root / "etc/machine-id").write_text(os.urandom(16).hex() + "\n")  # if empty, systemd presets all units

    def _attach(self, stack: contextlib.ExitStack, target: Path, *arguments: str) -> None:
        done = subprocess.run(["mount", *arguments, str(target)], stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            pytest.skip(f"this machine does not let us mount an overlay: {done.stderr.strip()}")
        stack.callback(subprocess.run, ["umount", "--lazy", str(target)], check=True)

    def _boot(self, stack: contextlib.ExitStack) -> None:
        stack.callback(self._remove_cgroups)
        for group in self._cgroups:
            group.mkdir(parents=True, exist_ok=True)
        enter = "".join(f"echo $$ >{group}/cgroup.procs; " for group in self._cgroups)
        console = stack.enter_context((self._folder / "console.log").open("wb"))
        process = subprocess.Popen(
            [
                *("sh", "-c", enter + 'exec "$@"', "sh"),
                *("systemd-nspawn", "--quiet", f"--directory={self.root}", f"--machine={self._name}", "--boot"),
                *("--keep-unit", "--register=no", self._network, *self._binds),
                # bpf for IPAddressDeny; nspawn knows nothing of Landlock, for the sandbox of worker processes.
                "--system-call-filter=bpf landlock_create_ruleset landlock_add_rule landlock_restrict_self",
                "--capability=CAP_BPF,CAP_PERFMON,CAP_NET_ADMIN",  # for IPAddressDeny
                "systemd.unit=basic.target",
            ],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
        )
        stack.callback(self._power_off, process)

        def booted() -> bool:
            assert process.poll() is None, f"the box did not boot: {(self._folder / 'console.log').read_text()}"
            self._leader = next(iter(_children(process.pid)), 0)
            state = self.run("systemctl", "is-system-running", check=False) if self._leader else ""
            return state in ("running", "degraded")

        self.wait_until(booted, "the box boots")
        # Where nspawn has left controllers read-only, systemd silently ignores MemoryMax and TasksMax.
        for name in CONTROLLERS:
            if Path("/sys/fs/cgroup", name).is_dir():
                self.run("mount", "-o", "remount,rw,bind", f"/sys/fs/cgroup/{name}", check=False)
        self.run("systemctl", "daemon-reexec")

    def _power_off(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._leader or process.pid, POWER_OFF if self._leader else signal.SIGKILL)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _remove_cgroups(self) -> None:
        for group in self._cgroups:
            if group.is_dir():
                for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
                    folder.rmdir()
                group.rmdir()


def packages() -> tuple[dict[Path, str], Path]:
    """Folders with what filterfleet needs, by where they are to be in a box, and the Python there. Skips the test where
    there can be no box."""
    missing = sorted({package for tool, package in PACKAGES.items() if shutil.which(tool) is None})
    if platform.system() != "Linux" or missing:
        pytest.skip(f"needs Linux with the apt packages {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("needs root, for mounts and namespaces")
    import zmq

    dependencies = Path(zmq.__file__).parents[1]
    python = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    binds = {dependencies: "/mnt/dependencies"}
    if str(python).startswith(HIDDEN):
        binds[Path(sys.base_prefix)] = "/opt/python"
        python = Path("/opt/python/bin", python.name)
    for target in binds.values():
        assert not Path(target).exists(), f"{target} is in the way"
    return binds, python


def needed(folder: Path) -> tuple[dict[Path, str], Path]:
    """The same, and the wheel of filterfleet, which is built in the folder."""
    binds, python = packages()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")],
        cwd=REPOSITORY, check=True, capture_output=True,
    )  # fmt: skip
    return binds | {folder / "dist": "/mnt/dist"}, python


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A booted box. filterfleet is installed in /opt/filterfleet as docs/operations.md says, and its units run."""
    folder = tmp_path_factory.mktemp("box")
    binds, python = needed(folder)
    with Box(folder, binds) as made:
        install_program(made, python)
        said = made.run(f"{HOME}/bin/filterfleet", "systemd", "install")
        assert "Started." in said
        assert all(made.show(unit, "ActiveState") == "active" for unit in UNITS)
        made.run("systemctl", "stop", *UNITS)
        made.run("sh", "-c", "rm -r /var/lib/filterfleet/*")
        made.written_before = made.written()
        made.run("systemctl", "start", *UNITS)  # returns when all three have reported READY=1
        yield made


def install_program(box: Box, python: Path) -> None:
    """The dependencies are those of this test run, because the box has no network."""
    box.run(str(python), "-m", "venv", HOME)
    site = box.run(f"{HOME}/bin/python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    (box.root / site.lstrip("/") / "dependencies.pth").write_text("/mnt/dependencies\n")
    box.run("sh", "-c", f"{HOME}/bin/pip install --quiet --no-index --no-deps --force-reinstall /mnt/dist/*.whl")
    shutil.copy(Path(sys.executable).with_name("rclone"), box.root / f"{HOME}/bin/rclone".lstrip("/"))
