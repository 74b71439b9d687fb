"""Two hosts on this machine, and a cable between them that can be pulled. They are network namespaces and need root."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass

import pytest

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not (shutil.which("ip") and shutil.which("mount")), reason="needs root, iproute2 and mount"
)


@dataclass(frozen=True)
class Host:
    namespace: str
    address: str

    def program(self, command: str) -> tuple[str, ...]:
        """The beginning of a command line that runs the command on this host. `ip` is replaced by it: the pid stays."""
        return ("ip", "netns", "exec", self.namespace, command)


class Cable:
    """Connects hosts one and two. It changes nothing outside their namespaces."""

    def __init__(self) -> None:
        name = secrets.token_hex(3)
        self.one = Host(f"ff-{name}-1", "10.77.91.1")
        self.two = Host(f"ff-{name}-2", "10.77.91.2")
        for host in (self.one, self.two):
            ip("netns", "add", host.namespace)
        ip(
            "-n",
            self.one.namespace,
            "link",
            "add",
            "cable",
            "type",
            "veth",
            "peer",
            "cable",
            "netns",
            self.two.namespace,
        )
        for host in (self.one, self.two):
            ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "cable")
            ip("-n", host.namespace, "link", "set", "lo", "up")
            ip("-n", host.namespace, "link", "set", "cable", "up")

    def pull(self) -> None:
        """Packets are lost both ways without an error: the sockets at both ends stay open."""
        ip("-n", self.two.namespace, "link", "set", "cable", "down")

    def plug(self) -> None:
        ip("-n", self.two.namespace, "link", "set", "cable", "up")

    def close(self) -> None:
        for host in (self.one, self.two):
            ip("netns", "delete", host.namespace)


def ip(*arguments: str) -> None:
    subprocess.run(("ip", *arguments), check=True, capture_output=True, text=True)
