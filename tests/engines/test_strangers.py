"""Another user of the machine, while a run has a Dask cluster of its own; and a scheduler that nobody guards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.engines.conftest import Run, Start
from tests.engines.rig import Running, Setup
from tests.integration.harness import wait_until

# Sends each port what somebody without the cluster's keys could send, and prints what came back, as hexadecimal digits.
STRANGER = """
import concurrent.futures, itertools, json, os, socket, ssl, sys
from distributed import Security

def answer(port, request, context):
    with socket.create_connection(("127.0.0.1", int(port)), timeout=3) as connection:
        try:
            stream = context.wrap_socket(connection) if context else connection
            stream.sendall(request)
            return stream.recv(4096).hex()
        except (OSError, TimeoutError):
            return ""

own = Security.temporary().get_connection_args("client")["ssl_context"]
own.verify_mode = ssl.CERT_NONE
nameless = ssl.create_default_context()
nameless.check_hostname, nameless.verify_mode = False, ssl.CERT_NONE
if os.getuid() == 0:
    os.setuid(65534)
page = b"GET /%s HTTP/1.0\\r\\n\\r\\n"
pages = (b"health", b"info/main/workers.html", b"json/counts.json", b"metrics")
requests = [b"\\0" * 8, *(page % path for path in pages)]
questions = list(itertools.product(sys.argv[1:], requests, (None, own, nameless)))
with concurrent.futures.ThreadPoolExecutor(len(questions)) as pool:
    print(json.dumps(list(pool.map(answer, *zip(*questions)))))
"""


CLUSTER = """
import pathlib, signal, sys
from filterfleet.worker.engines.dask import DaskEngine
if __name__ == "__main__":
    engine = DaskEngine(None, workers=1, threads=1)
    pathlib.Path(sys.argv[1]).touch()
    signal.pause()
"""


def listening(running: Running) -> list[int]:
    """The ports on which the command and its processes listen."""
    return [
        connection.laddr.port
        for process in running.family()
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]


def test_a_cluster_of_our_own_answers_only_us(start: Start, tmp_path: Path) -> None:
    running = start([sys.executable, "-c", CLUSTER, str(ready := tmp_path / "ready")], TMPDIR=str(tmp_path))
    wait_until(lambda: ready.exists() or not running.alive, what="the cluster")
    ports = listening(running)
    assert len(ports) >= 3, "the scheduler, a worker, and its nanny"
    said = subprocess.run(
        [sys.executable, "-c", STRANGER, *map(str, ports)], capture_output=True, text=True, check=True, timeout=120
    )
    answers = {bytes.fromhex(answer) for answer in json.loads(said.stdout)}
    assert all(answer == b"" or answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")) for answer in answers), answers
    assert any(answers), "the servers of pages answered, if only that there are none"
    (folder,) = tmp_path.glob("filterfleet-dask-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_uid == os.getuid()


def test_a_scheduler_without_tls_is_refused(run: Run, good: Path, tmp_path: Path) -> None:
    for options, sentence in (
        (("--scheduler", "tcp://127.0.0.1:1"), "The Dask scheduler at tcp://127.0.0.1:1 has no TLS"),
        (("--scheduler", "tls://127.0.0.1:1"), "tls://127.0.0.1:1 cannot be reached without certificates"),
        (("--insecure",), "--insecure is only for a Dask scheduler elsewhere"),
    ):
        ended = run(Setup("dask", options).command(good, tmp_path / "out")).check(2)
        assert ended.stderr.startswith("filterfleet: "), ended.stderr
        assert sentence in ended.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_scheduler_with_tls_is_used(run: Run, start: Start, good: Path, tmp_path: Path) -> None:
    keys = {name: str(tmp_path / name) for name in ("ca.pem", "host.pem", "host.key")}
    made = f"""
from distributed import Security
made = Security.temporary()
for file, text in zip({list(keys.values())}, (made.tls_ca_file, made.tls_worker_cert, made.tls_worker_key)):
    open(file, "w").write(text)
"""
    subprocess.run([sys.executable, "-c", made], check=True, timeout=60)
    tls = {"CA_FILE": keys["ca.pem"]}
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        tls |= {f"{role}__CERT": keys["host.pem"], f"{role}__KEY": keys["host.key"]}
    environment = {f"DASK_DISTRIBUTED__COMM__TLS__{name}": value for name, value in tls.items()}
    dask = str(Path(sys.executable).with_name("dask"))
    file = tmp_path / "scheduler.json"
    start(
        [
            *(dask, "scheduler", "--protocol", "tls", "--host", "127.0.0.1", "--port", "0"),
            *("--no-dashboard", "--scheduler-file", str(file)),
        ],
        **environment,
    )
    wait_until(file.exists, what="a Dask scheduler")
    wait_until(lambda: file.read_text().endswith("}"), what="its address")
    address = json.loads(file.read_text())["address"]
    start(
        [dask, "worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path)],
        **environment,
    )
    setup = Setup("dask", ("--scheduler", address))
    run(setup.command(good, tmp_path / "out"), **environment).check(0)
