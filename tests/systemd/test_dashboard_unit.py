"""The dashboard's unit in a real systemd."""

from __future__ import annotations

import json
from typing import Any

import pytest

DASHBOARD, UNITS = "filterfleet-dashboard", ("filterfleet-broker", "filterfleet-worker", "filterfleet-listener")
TOKEN = "/var/lib/filterfleet/dashboard.token"
ASK = """
import json, sys, urllib.request
token = open(sys.argv[1]).read().strip()
request = urllib.request.Request("http://127.0.0.1:8765/api/" + sys.argv[2], sys.argv[3].encode() or None)
request.add_header("Authorization", f"Bearer {token}")
request.add_header("Content-Type", "application/json")
print(urllib.request.urlopen(request, timeout=10).read().decode())
"""

pytestmark = pytest.mark.slow


def test_the_unit_shows_the_fleet_and_keeps_its_token_out_of_the_journal(box: Any) -> None:
    # The box may have this test's Python at another place, whose modules need its own library.
    drop_in = box.root / f"etc/systemd/system/{DASHBOARD}.service.d/library.conf"
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text("[Service]\nEnvironment=LD_LIBRARY_PATH=/opt/python/lib\n")
    box.run("/opt/filterfleet/bin/filterfleet", "systemd", "install", "--role", "dashboard")
    box.run("systemctl", "start", *UNITS, DASHBOARD)  # returns when the page can be had
    assert "At 127.0.0.1:8765, 0 browsers have the page open" in box.show(DASHBOARD, "StatusText")
    now = json.loads(ask(box, "now"))
    assert (now["listener"]["running"], now["broker"]["answers"]) == (True, True), now
    ask(box, "pause", "{}")
    box.wait_until(lambda: "Paused" in box.show("filterfleet-listener", "StatusText"), "the order is carried out")
    ask(box, "resume", "{}")
    token = box.run("cat", TOKEN)
    assert len(token) >= 32
    assert token not in box.journal(DASHBOARD)
    assert box.run("stat", "--format=%a %U", TOKEN) == "600 filterfleet"

    file = box.root / "etc/filterfleet/filterfleet.toml"
    before = file.read_text()
    file.write_text(f"{before}\n[dashboard]\nread_only = true\n")
    box.run("systemctl", "restart", DASHBOARD)
    assert json.loads(ask(box, "now"))["read_only"], "as the file says"
    file.write_text(before)
    box.run("systemctl", "stop", DASHBOARD)
    assert box.show(DASHBOARD, "Result") == "success"


def ask(box: Any, what: str, body: str = "") -> str:
    return str(box.run("python3", "-c", ASK, TOKEN, what, body))
