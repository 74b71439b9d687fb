"""A real Slurm with several nodes on this machine (boot.sh), in namespaces that end with this process."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from tests.integration.harness import wait_until

BOOT = Path(__file__).with_name("boot.sh")
PACKAGES = {"slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client", "munged": "munge", "ip": "iproute2"}
NODES, CPUS = 3, 2
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "NODE_FAIL", "TIMEOUT"}
NEEDED = "ip link add name lan type bridge && ip link add left type veth peer name right && mount -t tmpfs tmpfs /mnt"


@dataclass(frozen=True)
class Ended:
    state: str
    code: int  # exit code of the job script; meaningless if a signal ended it
    said: str


class Slurm:
    """A context manager: the cluster boots on entering and leaves no trace.

    Only n1, and the machine on which jobs are submitted, can see what is in the folder `first`. The rest of the disk is
    shared.
    """

    def __init__(self, folder: Path, nodes: int = NODES, cpus: int = CPUS) -> None:
        self._nodes, self._cpus = nodes, cpus
        self.first = folder / "first"
        self._jobs = folder / "jobs"
        self._state = folder / "slurm"
        self._log = folder / "boot.log"
        self._init = 0
        for path in (self.first, self._jobs, self._state):
            path.mkdir()
        programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin", "/sbin"])
        outer = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))}
        self._environment = outer | {"PATH": programs, "SLURM_CONF": str(self._state / "slurm.conf")}

    def __enter__(self) -> Self:
        spaces = ("--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--net", "--uts", "--ipc")
        with self._log.open("wb") as log:
            self._box = subprocess.Popen(
                ["unshare", *spaces, BOOT, str(self._state), str(self._nodes), str(self._cpus), str(self.first)],
                stdin=subprocess.PIPE,  # closing it ends the cluster; if we die, the kernel closes it
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        try:
            wait_until(self._is_up, 60, "a Slurm whose nodes are all idle")
        except AssertionError as error:
            logs = (f"{file}:\n{file.read_text()[-1500:]}" for file in (self._log, *self._state.glob("*.log")))
            said = "\n".join([str(error), *logs])
            self.__exit__()
            raise AssertionError(said) from None
        return self

    def __exit__(self, *_: object) -> None:
        assert self._box.stdin is not None
        self._box.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._box.wait(10)
        self._box.kill()
        self._box.wait()

    def _is_up(self) -> bool:
        assert self._box.poll() is None, "it ended"
        children = Path(f"/proc/{self._box.pid}/task/{self._box.pid}/children").read_text().split()
        self._init = int(children[0]) if children else 0
        if not self._init or not (self._state / "slurm.conf").exists():
            return False
        return self.run("sinfo", "--noheader", "--format=%T %D", check=False) == f"idle {self._nodes}"

    def run(self, *argv: object, check: bool = True, patience: float = 60.0) -> str:
        """Runs a command on the machine where users submit jobs. Returns its output. patience is in seconds."""
        enter = ("nsenter", "-t", str(self._init), "-m", "-u", "-i", "-n", "-p", f"--wd={self._jobs}", "--")
        done = subprocess.run(
            [*enter, *map(str, argv)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=patience,
            env=self._environment,
        )
        assert not check or done.returncode == 0, f"{argv}: {done.stdout}"
        return done.stdout.strip()

    def submit(self, *arguments: object) -> str:
        """Runs sbatch with these arguments. Returns the number of the job."""
        return self.run("sbatch", "--parsable", *arguments)

    def wait(self, job: str, patience: float = 120.0) -> Ended:
        """Waits until the job has ended in any way."""
        wait_until(lambda: self._shown(job, "JobState") in ENDED, patience, f"the end of job {job}")
        code = self._shown(job, "ExitCode").split(":")[0]
        return Ended(self._shown(job, "JobState"), int(code), self.said(job))

    def said(self, job: str) -> str:
        return (self._jobs / f"filterfleet-{job}.out").read_text()

    def processes(self, pattern: str) -> dict[int, str]:
        """The processes in this cluster whose command line matches: pid -> node."""
        found = {}
        for line in self.run("pgrep", "--full", pattern, check=False).splitlines():
            name = self.run("nsenter", "-t", line, "-u", "hostname", check=False)
            if re.fullmatch(r"n\d", name):  # it may have ended in the meantime
                found[int(line)] = name
        return found

    def kill(self, pid: int) -> None:
        self.run("sh", "-c", f"kill -{signal.SIGKILL:d} {pid}")

    def namespaces(self) -> set[str]:
        """The network and mount namespaces of all processes in this cluster."""
        return set(self.run("sh", "-c", "readlink /proc/[0-9]*/ns/net /proc/[0-9]*/ns/mnt", check=False).split())

    def _shown(self, job: str, field: str) -> str:
        match = re.search(rf"\b{field}=(\S+)", self.run("scontrol", "show", "job", job))
        assert match is not None
        return match[1]


def _namespaces() -> set[str]:
    """The network and mount namespaces of all processes on this machine."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        for kind in ("net", "mnt"):
            with contextlib.suppress(OSError):
                found.add(str((process / "ns" / kind).readlink()))
    return found


def require_slurm() -> None:
    """Skips the test where there can be no cluster."""
    missing = sorted({package for tool, package in PACKAGES.items() if _which(tool) is None})
    if platform.system() != "Linux" or missing:
        pytest.skip(f"needs Linux with the apt packages {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("needs root, for mounts and namespaces")
    probe = subprocess.run(["unshare", "--net", "--mount", "sh", "-c", NEEDED], capture_output=True, text=True)
    if probe.returncode != 0:
        pytest.skip(f"this machine does not let us make namespaces, bridges or mounts: {probe.stderr.strip()}")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    require_slurm()
    folder = tmp_path_factory.mktemp("slurm")
    with Slurm(folder) as made:
        spaces = made.namespaces()
        assert len(spaces) == 2 * (NODES + 1)
        yield made
    assert str(folder) not in Path("/proc/mounts").read_text()
    wait_until(lambda: not _namespaces() & spaces, 10, "the end of all its namespaces and of the processes in them")


def _which(tool: str) -> str | None:
    return shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
