"""A virtual machine whose kernel has control groups of version 2 alone. Its disk is this machine's, read-only, below a
layer in memory; it has no network but its own loopback interface."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.machine import initramfs

REPOSITORY = Path(__file__).resolve().parents[2]
KERNEL = Path(os.environ.get("FILTERFLEET_TEST_KERNEL", "/"))  # where a kernel package is installed or unpacked
SHARERS = ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd", "/usr/lib/virtiofsd")
MODULES = ("virtio_pci", "virtiofs", "virtio_blk", "overlay")
MEMORY, PROCESSORS = "2048M", "2"
# Seconds until the first line, and for all of them. A KVM that is there may still be unable to run this kernel; the
# machine is then emulated, which takes some fifty times as long.
ACCELERATORS = {"kvm": (30.0, 120.0), "tcg,thread=multi": (120.0, 540.0)}


@dataclass(frozen=True)
class Needed:
    """Files that a machine is made from."""

    qemu: str
    sharer: str
    busybox: Path
    kernel: Path
    modules: list[Path]


def needed() -> Needed:
    """Skips the test where something is missing."""
    qemu, busybox = shutil.which("qemu-system-x86_64"), shutil.which("busybox")
    sharer = next((path for path in SHARERS if os.access(path, os.X_OK)), None)
    kernels = sorted(KERNEL.glob("boot/vmlinuz-*"))
    folders = [KERNEL / "lib/modules" / path.name.removeprefix("vmlinuz-") for path in kernels]
    modules = initramfs.loading_order(folders[-1], MODULES) if folders else []
    if os.geteuid() != 0 or os.uname().machine != "x86_64":
        pytest.skip("needs root on an x86-64 machine, for the mounts of a virtual machine")
    if not (qemu and busybox and sharer and any(path.stem == "virtiofs" for path in modules)):
        pytest.skip(
            "needs the apt packages qemu-system-x86, busybox-static and linux-image-cloud-amd64 "
            "(or FILTERFLEET_TEST_KERNEL, a folder in which the last is unpacked)"
        )
    return Needed(qemu, sharer, Path(busybox), kernels[-1], modules)


class Machine:
    """Runs a program of this machine in the virtual one, once, and has the lines of JSON that it printed."""

    def __init__(self, folder: Path, parts: Needed, data: Path | None = None) -> None:
        """data: the image of a second disk, /dev/vda there."""
        self._folder = folder
        self._parts = parts
        self._data = data
        self._console = folder / "console.log"
        self._socket = folder / "disk.socket"
        (folder / "disk").mkdir()
        initramfs.write(
            folder / "init.gz", Path(__file__).with_name("init.sh").read_text(), parts.busybox, parts.modules
        )

    def run(self, *argv: object) -> list[dict[str, Any]]:
        """argv runs in the repository. Its lines, with the fastest accelerator that works here."""
        script = self._folder / "run.sh"
        words = shlex.join(map(str, argv))
        script.write_text(f"#!/bin/sh\ncd {shlex.quote(str(REPOSITORY))} && PYTHONPATH=. exec {words}\n")
        script.chmod(0o755)
        for accelerator, (patience, most) in ACCELERATORS.items():
            if self._boot(accelerator, script, patience, most):
                break
        return self._lines()

    def _boot(self, accelerator: str, script: Path, patience: float, most: float) -> bool:
        """Whether a machine came so far that the script printed something."""
        started, since = False, time.monotonic()
        with self._console.open("wb") as console, self._sharing(), self._qemu(accelerator, script, console) as machine:
            while machine.poll() is None and time.monotonic() < since + (most if started else patience):
                started = started or bool(self._lines())
                time.sleep(0.1)
        return bool(self._lines())

    def _lines(self) -> list[dict[str, Any]]:
        """The complete lines of JSON on the console."""
        lines = self._console.read_bytes().split(b"\n")[:-1]
        return [json.loads(line[line.index(b'{"') :]) for line in lines if b'{"' in line]

    @contextlib.contextmanager
    def _sharing(self) -> Iterator[None]:
        """The disk: this machine's, without what is mounted on it but for the folders that the program needs."""
        disk = self._folder / "disk"
        folders = {self._folder, REPOSITORY, Path(sys.prefix), Path(sys.base_prefix)}
        elsewhere = [path for path in folders if path.stat().st_dev != Path("/").stat().st_dev]
        mounts = [f"mount --bind / {shlex.quote(str(disk))}"]
        mounts += [f"mount --bind {shlex.quote(str(path))} {shlex.quote(f'{disk}{path}')}" for path in elsewhere]
        options = f"source={disk},sandbox=chroot,cache=always"
        serve = shlex.join([self._parts.sharer, "-f", f"--socket-path={self._socket}", "-o", options])
        self._socket.unlink(missing_ok=True)
        with (self._folder / "disk.log").open("wb") as log:
            command = ["unshare", "--mount", "sh", "-ec", "; ".join([*mounts, f"exec {serve}"])]
            with _ended(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)) as server:
                deadline = time.monotonic() + 30
                while not self._socket.exists():
                    said = (self._folder / "disk.log").read_text()
                    assert server.poll() is None, f"the disk is not served: {said}"
                    assert time.monotonic() < deadline, "the disk is not served"
                    time.sleep(0.05)
                yield

    def _qemu(self, accelerator: str, script: Path, console: Any) -> contextlib.AbstractContextManager[Any]:
        data = ("-drive", f"file={self._data},format=raw,if=virtio,cache=unsafe") if self._data else ()
        command = [
            *(self._parts.qemu, "-accel", accelerator, "-cpu", "max", "-smp", PROCESSORS, "-m", MEMORY),
            *("-object", f"memory-backend-memfd,id=memory,size={MEMORY},share=on", "-numa", "node,memdev=memory"),
            *("-kernel", str(self._parts.kernel), "-initrd", str(self._folder / "init.gz")),
            *("-append", f"console=ttyS0 quiet panic=-1 run={script}"),
            *("-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot"),
            *("-chardev", f"socket,id=disk,path={self._socket}"),
            *("-device", "vhost-user-fs-pci,chardev=disk,tag=host"),
            *data,
        ]
        return _ended(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console))


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("machine"), needed())
