"""Hooks of a real fleet: real receivers on loopback, a real program, and a listener that is killed."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from tests.integration.harness import Fleet, Processes, wait_until

SECRET = "a-secret-that-nobody-may-see"
IN_THE_PATH = "T0SECRET0PATH"

pytestmark = pytest.mark.slow


class Receiver(ThreadingHTTPServer):
    """Takes events with the right signature. It answers 503 while `away` is set."""

    daemon_threads = True

    def __init__(self) -> None:
        self.took: list[dict[str, object]] = []
        self.away = False
        super().__init__(("127.0.0.1", 0), _Handler)

    def paths(self, kind: str) -> list[object]:
        return [event["path"] for event in self.took if event["event"] == kind]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        when, _, digest = self.headers["Filterfleet-Signature"].removeprefix("t=").partition(",v1=")
        right = hmac.new(SECRET.encode(), f"{when}.".encode() + body, hashlib.sha256).hexdigest()
        known = self.path == f"/{IN_THE_PATH}" and hmac.compare_digest(digest, right)
        status = 401 if not known else 503 if self.server.away else 204
        if status == 204:
            self.server.took.append(json.loads(body))
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def options(receiver: Receiver, tmp_path: Path) -> list[object]:
    for name, text in (("secret", SECRET), ("url", f"http://127.0.0.1:{receiver.server_port}/{IN_THE_PATH}")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return ["--webhook", f"@{tmp_path / 'url'}", "--webhook-secret-file", tmp_path / "secret"]


def command_lines() -> str:
    lines = []
    for process in psutil.process_iter():
        try:
            lines.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return "\n".join(lines)


def test_a_receiver_and_a_listener_die_and_every_image_is_told(
    fleet: Fleet, receiver: Receiver, options, photographs, tmp_path
):
    source, output = tmp_path / "in", tmp_path / "out"
    images = sorted(photographs(12, 100, 200).rglob("*.jpg"))
    (source / "trip").mkdir(parents=True)
    fleet.start_broker()
    fleet.start_worker()
    listener = fleet.start_listener(source, output, "--settle", 0.1, "--interval", 0.2, *options)
    wait_until(lambda: "listener started" in listener.said, what="the listener")
    for number, image in enumerate(images[:6]):
        shutil.copy(image, source / "trip" / f"{number}.jpg")
    (source / "broken.jpg").write_bytes(b"no image")
    first = {f"trip/{number}.jpg" for number in range(6)}
    wait_until(lambda: set(receiver.paths("image.done")) == first, what="the first images")
    wait_until(lambda: receiver.paths("image.failed") == ["broken.jpg"], what="the failure")
    wait_until(lambda: any(event["event"] == "batch.done" for event in receiver.took), what="the end of the batch")

    receiver.away = True
    for number, image in enumerate(images[6:]):
        shutil.copy(image, source / f"late-{number}.jpg")
    wait_until(lambda: len(list((output / "edges").rglob("late-*"))) == 6, what="images nobody is told of")
    wait_until(lambda: "hook not delivered, trying again" in listener.said, what="a try in vain")
    listener.kill()
    receiver.away = False
    again = fleet.start_listener(source, output, "--settle", 0.1, "--interval", 0.2, *options)
    late = {f"late-{number}.jpg" for number in range(6)}
    wait_until(lambda: late <= set(receiver.paths("image.done")), what="what the first listener has not told")
    ids = {event["path"]: event["id"] for event in receiver.took if event["event"] == "image.done"}
    for event in receiver.took:
        assert event["event"] != "image.done" or ids[event["path"]] == event["id"], "told twice, with another id"
    for secret in (SECRET, IN_THE_PATH):
        assert secret not in listener.said + again.said
        assert secret not in command_lines()


def test_a_run_with_once_ends_when_everybody_knows(
    processes: Processes, receiver: Receiver, options, photographs, tmp_path
):
    """`up --once` with a webhook and a program; a file name that would be a command stays a name."""
    source, script, told = tmp_path / "in", tmp_path / "hook.py", tmp_path / "told"
    source.mkdir()
    told.mkdir()
    name = "$(touch gone); `touch gone` & a.jpg"
    for number, image in enumerate(sorted(photographs(12, 100, 200).rglob("*.jpg"))[:3]):
        shutil.copy(image, source / (name if number == 0 else f"{number}.jpg"))
    script.write_text(
        "import json, os, pathlib, sys\n"
        "event = json.load(sys.stdin)\n"
        "assert event.get('path') == os.environ.get('FILTERFLEET_PATH')\n"
        "pathlib.Path(sys.argv[1], event['id']).write_text(json.dumps(event))\n"
    )
    hook = f"'{sys.executable}' '{script}' '{told}'"
    code, said = processes.run(
        *("up", "--once", "--source", source, "--output", tmp_path / "out", "--exec-hook", hook, *options),
        patience=120,
    )
    assert code == 0, said
    kinds = ["batch.done", "image.done", "image.done", "image.done"]
    for events in ([json.loads(file.read_text()) for file in told.iterdir()], receiver.took):
        assert sorted(event["event"] for event in events) == kinds
        assert name in {event.get("path") for event in events}
    assert not (tmp_path / "gone").exists()
    assert not Path("gone").exists()
