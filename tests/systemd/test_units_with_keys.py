"""Broker and worker with keys in a real systemd, set up as docs/security.md says."""

from __future__ import annotations

import json
from typing import Any

import pytest

PROGRAM = "/opt/filterfleet/bin/filterfleet"
BROKER, WORKER, LISTENER = "filterfleet-broker", "filterfleet-worker", "filterfleet-listener"
KEYS = "/etc/filterfleet/keys"
DROP_INS = {
    BROKER: f"""[Service]
Environment=BIND=0.0.0.0
Environment="OPTIONS=--keys {KEYS}"
LoadCredential=broker.key_secret:{KEYS}/broker.key_secret
ExecReload=/bin/kill -HUP $MAINPID
""",
    WORKER: f"""[Service]
Environment="OPTIONS=--keys {KEYS}"
LoadCredential=worker.key_secret:{KEYS}/worker.key_secret
""",
}


def workers(box: Any) -> int:
    return len(json.loads(box.run(PROGRAM, "status", "--json", "--keys", KEYS))["workers"])


@pytest.mark.slow
def test_units_have_their_secrets_from_systemd_and_a_reload_revokes(box: Any) -> None:
    box.run("systemctl", "stop", LISTENER)
    box.run(PROGRAM, "keys", KEYS)
    for unit, text in DROP_INS.items():
        drop_in = box.root / f"etc/systemd/system/{unit}.service.d/keys.conf"
        drop_in.parent.mkdir(exist_ok=True)
        drop_in.write_text(text)
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", BROKER, WORKER)

    box.wait_until(lambda: workers(box) == 1, "the worker is let in")
    for unit in (BROKER, WORKER):  # root could read everything
        assert box.run("stat", "--format=%u", f"/proc/{box.show(unit, 'MainPID')}") != "0"
    assert "name the folder of your keys with --keys" in box.run(PROGRAM, "status", check=False)

    broker = box.show(BROKER, "MainPID")
    (box.root / KEYS.lstrip("/") / "workers/local.key").unlink()
    box.run("systemctl", "reload", BROKER)
    box.wait_until(lambda: workers(box) == 0, "the worker is cut off")
    assert box.show(BROKER, "MainPID") == broker
    box.wait_until(lambda: "has to be listed among its workers" in box.journal(WORKER), "the worker says why")
    assert box.show(WORKER, "ActiveState") == "active"
