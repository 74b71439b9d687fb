"""Hosts on this machine and a switch between them, whose cables can be pulled. They are network namespaces and need
root."""

from __future__ import annotations

import ipaddress
import secrets

from tests.chaos.cable import Host, ip


class Lan:
    """The switch is a namespace of its own, with a bridge. Nothing outside the namespaces is changed. first is the
    address of the first host; those of the others follow it."""

    def __init__(self, *names: str, first: str = "10.77.92.1") -> None:
        self._first = ipaddress.ip_address(first)
        self._prefix = f"ff-{secrets.token_hex(3)}"
        self._switch = f"{self._prefix}-switch"
        self.hosts: dict[str, Host] = {}
        ip("netns", "add", self._switch)
        ip("-n", self._switch, "link", "add", "bridge", "type", "bridge")
        ip("-n", self._switch, "link", "set", "bridge", "up")
        for name in names:
            self.add(name)

    def add(self, name: str) -> Host:
        """One more host, with its cable plugged in."""
        number = len(self.hosts) + 1
        host = self.hosts[name] = Host(f"{self._prefix}-{name}", str(self._first + number - 1))
        ip("netns", "add", host.namespace)
        ends = ("type", "veth", "peer", f"to-{number}", "netns", self._switch)
        ip("-n", host.namespace, "link", "add", "cable", *ends)
        ip("-n", self._switch, "link", "set", f"to-{number}", "master", "bridge", "up")
        ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "cable")
        ip("-n", host.namespace, "link", "set", "lo", "up")
        ip("-n", host.namespace, "link", "set", "cable", "up")
        return host

    def pull(self, name: str) -> None:
        """Packets are lost both ways without an error: the sockets at both ends stay open."""
        self._set(name, "down")

    def plug(self, name: str) -> None:
        self._set(name, "up")

    def close(self) -> None:
        for namespace in (*(host.namespace for host in self.hosts.values()), self._switch):
            ip("netns", "delete", namespace)

    def _set(self, name: str, state: str) -> None:
        ip("-n", self.hosts[name].namespace, "link", "set", "cable", state)
