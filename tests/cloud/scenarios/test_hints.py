"""A store that notifies: an upload is processed long before the next scan."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

import pytest

from filterfleet.common.process.ports import free_ports
from tests.cloud.scenarios.rig import MakeWork, check_clean
from tests.cloud.servers import SeaweedFS
from tests.cloud.stores import disk
from tests.integration.harness import LOOPBACK, wait_until

SECONDS = 3.0  # from an upload to its results, on a machine that has nothing else to do
RARELY = ("--interval", 300)
TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def token(tmp_path) -> Path:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    return file


@pytest.mark.slow
def test_an_upload_that_seaweedfs_tells_of_is_done_within_seconds(tmp_path_factory, make_work: MakeWork, images, token):
    port = free_ports()[0]
    home = tmp_path_factory.mktemp("seaweed")
    (home / "notification.toml").write_text(
        f'[notification.webhook]\nenabled = true\nendpoint = "http://{LOOPBACK}:{port}/"\nbearer_token = "{TOKEN}"\n'
        'path_prefixes = ["/buckets/bucket/in"]\nmax_retries = 0\n'
    )
    with SeaweedFS(home) as server:
        source, output = server.root / "in", disk(token.parent / "out")
        source.put("first.jpg", images["0001.jpg"])
        work = make_work(source, output)
        work.configure(server)
        listener = work.listen(*RARELY, "--hints", f"{LOOPBACK}:{port}", "--hints-token", token)
        work.wait_for(1, listener)
        some = [image for image in images.values() if image != images["0001.jpg"]]
        took = []
        for n in range(5):
            began = time.monotonic()
            source.put(f"trip/ä b+{n}.jpg", some[n])
            wait_until(lambda n=n: work.done() >= n + 2, what="the upload")
            took.append(time.monotonic() - began)
        print(f"seconds from upload to record: {sorted(took)}")
        assert sorted(took)[2] < SECONDS
        source.put(".hidden.jpg", some[5])
        source.put("notes.txt", b"no image")
        source.put("last.jpg", some[6])
        wait_until(lambda: work.done() >= 7, what="the last upload")
        assert work.done() == 7
        check_clean(listener)


@pytest.mark.slow
def test_anybody_may_say_where_to_look(start_server, make_work: MakeWork, images, token):
    port = free_ports()[0]
    server = start_server("webdav")
    source, output = server.root / "in", disk(token.parent / "out")
    source.put("first.jpg", images["0001.jpg"])
    work = make_work(source, output)
    work.configure(server)
    listener = work.listen(*RARELY, "--hints", f"{LOOPBACK}:{port}")
    work.wait_for(1, listener)
    source.put("second.jpg", images["0002.jpg"])
    for path in ("second.jpg", "missing.jpg", "../first.jpg"):
        body = json.dumps({"path": path}).encode()
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/", body, timeout=10) as answer:
            assert answer.status == 204
    work.wait_for(2, listener)
    check_clean(listener)
