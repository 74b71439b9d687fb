"""A network, names of hosts, and folders of the system that the machines of a page see, and nobody else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ADDRESSES = ("192.168.1.10", "192.168.1.11", "192.0.2.10", "192.0.2.20", "192.0.2.21")
NAMES = """\
127.0.0.1 localhost
192.0.2.20 nas.example.com s3.example.com cloud.example.com
192.0.2.21 dav.example.com
"""
EMPTY = ("/srv", "/mnt")  # pages write there


class Network:
    """It lasts until close(). Skips the test where the machine does not let us make it. root: a folder for files."""

    def __init__(self, root: Path) -> None:
        hosts = root / "hosts"
        hosts.write_text(NAMES)
        steps = [
            "ip link set lo up",
            *(f"ip address add {address}/24 dev lo" for address in ADDRESSES),
            f"mount --bind '{hosts}' /etc/hosts",
            *(f"mount -t tmpfs none {folder}" for folder in EMPTY),
            "echo up",
            "exec sleep infinity",
        ]
        argv = ["unshare", "--net", "--mount", "sh", "-c", " && ".join(steps)]
        self._process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"up\n":
            self.close()
            pytest.skip("this machine does not let us make a network")

    def argv(self, home: Path, command: str) -> list[str]:
        """What runs a command of the shell in it, from this folder."""
        inside = ["nsenter", "--net", "--mount", "--target", str(self._process.pid)]
        return [*inside, "env", f"--chdir={home}", "bash", "-c", command]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
