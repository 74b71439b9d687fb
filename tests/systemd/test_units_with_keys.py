"""Services with keys in a real systemd, installed, joined and revoked by commands."""

from __future__ import annotations

import json
from typing import Any

import pytest

PROGRAM = "/opt/filterfleet/bin/filterfleet"
BROKER, WORKER, LISTENER = "filterfleet-broker", "filterfleet-worker", "filterfleet-listener"
KEYS = "/etc/filterfleet/keys"


def workers(box: Any) -> list[str]:
    """The names of the keys with which workers are in."""
    said = box.run(PROGRAM, "status", "--json", "--keys", KEYS, check=False)
    return [worker["name"] for worker in json.loads(said)["workers"]] if said.startswith("{") else []


@pytest.mark.slow
def test_a_fleet_with_keys_is_installed_and_a_worker_revoked_by_commands(box: Any) -> None:
    box.run("systemctl", "stop", LISTENER, BROKER, WORKER)
    box.run("sh", "-c", f"umask 077; {PROGRAM} keys {KEYS}")  # that of root on many machines
    box.run(PROGRAM, "systemd", "install", "--keys", KEYS, "--role", "broker", "--role", "worker")

    box.wait_until(lambda: workers(box) == ["local"], "the worker is let in")
    for unit in (BROKER, WORKER):  # root could read everything
        assert box.run("stat", "--format=%u", f"/proc/{box.show(unit, 'MainPID')}") != "0"
    assert "name the folder of your keys with --keys" in box.run(PROGRAM, "status", check=False)
    assert box.run("systemctl", "is-enabled", "filterfleet.target") == "enabled"

    broker = box.show(BROKER, "MainPID")
    box.run(PROGRAM, "revoke", "local", "--keys", KEYS, "--role", "worker")
    box.wait_until(lambda: workers(box) == [], "the worker is cut off")
    assert box.show(BROKER, "MainPID") == broker
    box.wait_until(lambda: "has to be listed among its workers" in box.journal(WORKER), "the worker says why")
    assert box.show(WORKER, "ActiveState") == "active"

    # It joins again, as another machine would.
    box.run(PROGRAM, "keys", KEYS, "--worker", "desk", "--broker", "127.0.0.1")
    desk = "/etc/filterfleet/desk"
    invitation = f"{KEYS}/machines/desk.join"
    box.run(PROGRAM, "join", invitation, "--systemd", "--keys", desk)
    box.wait_until(lambda: workers(box) == ["desk"], "the worker is let in by its new key")

    # A start that fails is an error in the journal, and the command repeats it: here another program has the port.
    box.run("systemctl", "stop", BROKER)
    box.run("systemd-run", "--unit=thief", "python3", "-m", "http.server", "--bind", "127.0.0.1", "5555")
    said = box.run(PROGRAM, "systemd", "install", "--keys", KEYS, "--role", "broker", check=False)
    assert f"{BROKER}.service: Port 5555 on 127.0.0.1 is in use" in said
    box.run("systemctl", "stop", "thief")
    box.wait_until(lambda: workers(box) == ["desk"], "the broker starts when the port is free")

    (box.root / f"etc/systemd/system/{WORKER}.service").write_text("spoiled\n")
    box.run(PROGRAM, "systemd", "uninstall")
    assert box.show(BROKER, "ActiveState") == box.show(WORKER, "ActiveState") == "inactive"
    assert box.show(BROKER, "LoadState") == "not-found"
    assert (box.root / KEYS.lstrip("/") / "broker.key_secret").exists()


@pytest.mark.slow
def test_services_that_were_installed_by_hand_are_upgraded_by_the_command(box: Any) -> None:
    """As those of releases that had no command. Nobody has enabled the listener, so the command does not start it."""
    units = "/opt/filterfleet/share/filterfleet/systemd"
    box.run(PROGRAM, "systemd", "uninstall")
    box.run("sh", "-c", f"cp {units}/filterfleet-*.service /etc/systemd/system/ && systemctl daemon-reload")
    box.run("systemctl", "enable", "--now", BROKER, WORKER)
    before = box.show(WORKER, "MainPID")
    assert "Started again." in box.run(PROGRAM, "systemd", "upgrade")
    assert box.show(WORKER, "ActiveState") == box.show(BROKER, "ActiveState") == "active"
    assert box.show(WORKER, "MainPID") != before
    assert box.show(LISTENER, "ActiveState") == "inactive"
    box.run("systemctl", "stop", "filterfleet.target")
    box.wait_until(lambda: box.show(WORKER, "ActiveState") == "inactive", "the target has all of them")
