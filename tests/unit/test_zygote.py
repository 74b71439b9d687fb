"""Processes that are forked while a command loads: each is what a new interpreter would be, and none is left over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.harness import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="zygotes need Linux")

# A role that says what it is. Its heavy module has been loaded before.
ROLE = """
import gc, json, os, random, signal, sys, threading
seen = {
    "collects": gc.isenabled(),
    "argv": sys.argv,
    "environment": os.environ.get("ADDED"),
    "heavy": "decimal" in sys.modules,
    "parent": os.getppid(),
    "own group": os.getpgid(0) == os.getpid(),
    "title": open("/proc/self/cmdline").read().strip("\\0"),
    "threads": len(os.listdir("/proc/self/task")),
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "interrupts": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "files": sorted(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")),
    "stdin": os.readlink("/proc/self/fd/0"),
    "random": random.random(),
    "path": sys.path[0],
    "main": __name__,
}
print(json.dumps(seen), flush=True)
if "--wait" in sys.argv:
    signal.pause()
sys.exit(int(sys.argv[1]))
"""

MODULES = {"role": ROLE}

COMMAND = """
import gc, json, os, sys
from filterfleet.common.process import zygote
gc.disable()  # as while modules are being loaded
left_open = open(os.devnull)
zygote.prepare("another", [])
zygote.prepare("role", ["decimal", "nothing.of.this.name", *sys.argv[2:]])
"""


def run(script: str, tmp_path: Path, *loads: str, code: int = 0, modules: Mapping[str, str] = MODULES) -> str:
    (tmp_path / "modules").mkdir(exist_ok=True)
    for name, text in modules.items():
        (tmp_path / "modules" / f"{name}.py").write_text(text)
    (tmp_path / "command.py").write_text(COMMAND + script)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "modules"), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(tmp_path / "command.py"), "x" * 60, *loads]  # room for a title
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == code, ended.stderr
    return ended.stdout


def lives(tmp_path: Path, name: str) -> dict[str, Any]:
    seen: dict[str, Any] = json.loads((tmp_path / name).read_text())
    return seen


def test_a_forked_process_is_what_a_new_one_would_be(tmp_path):
    said = run(
        """
births = []
for code in ("0", "7"):
    log = os.open(f"log{code}", os.O_WRONLY | os.O_CREAT)
    births.append(zygote.Birth("role", [code], {"ADDED": code}, output=log))
(children,) = zygote.fork((zygote.claim("role"), births))
print(os.getpid(), *(child.wait() for child in children))
assert zygote.claim("role") is None
print(os.waitpid(-1, os.WNOHANG))
""",
        tmp_path,
        "filterfleet.worker.daemon",  # OpenCV, NumPy, libvips: a thread of theirs would stay outside of the sandbox
        "filterfleet.worker.engines.serving",
    )
    pid, *codes = said.split()[:3]
    assert codes == ["0", "7"]
    assert said.endswith("(0, 0)\n"), "the other zygote is left, and nobody else"
    first, second = lives(tmp_path, "log0"), lives(tmp_path, "log7")
    assert first.pop("random") != second.pop("random")
    assert second == {
        "collects": True,
        "argv": [str(tmp_path / "modules" / "role.py"), "7"],
        "environment": "7",
        "heavy": True,
        "parent": int(pid),
        "own group": True,
        "title": "role 7",
        "threads": 1,
        "blocked": [],
        "interrupts": signal.getsignal(signal.SIGINT) is not signal.SIG_IGN,  # as in any child of ours
        "files": [0, 1, 2],
        "stdin": os.devnull,
        "path": str(tmp_path / "modules"),
        "main": "__main__",
    }


def test_a_process_may_share_the_output_and_have_a_pipe_as_its_input(tmp_path):
    said = run(
        """
import socket
ours, theirs = socket.socketpair()
(child,), = zygote.fork((zygote.claim("role"), [zygote.Birth("role", ["0"], stdin=theirs.fileno(), own_group=False)]))
child.wait()
""",
        tmp_path,
    )
    seen = json.loads(said)
    assert seen["stdin"].startswith("socket:")
    assert not seen["own group"]
    assert seen["blocked"] == [signal.SIGINT]


def test_a_process_ends_as_any_other_does(tmp_path):
    """With its threads, its last functions, and what it has still to write."""
    said = run(
        """
children = [zygote.fork((zygote.claim("role"), [zygote.Birth("ending", [], environment={"PYTHONUNBUFFERED": ""})]))]
print([child.wait() for ((child,),) in children])
""",
        tmp_path,
        modules={
            "ending": """
import atexit, sys, threading, time
atexit.register(print, "last function")
threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
print("main")
sys.exit(9)
"""
        },
    )
    assert said.split("\n") == ["main", "thread", "last function", "[9]", ""]


@pytest.mark.parametrize(
    ("failure", "code", "said"),
    [
        ("raise OSError('full')", 1, "OSError: full"),
        ("raise KeyboardInterrupt", 1, "KeyboardInterrupt"),
        ("raise SystemExit('a sentence')", 1, "a sentence"),
        ("import nothing_of_this_name", 1, "ModuleNotFoundError"),
    ],
)
def test_a_process_that_fails_ends_and_never_goes_on_as_the_command(failure: str, code: int, said: str, tmp_path):
    script = """
log = os.open("log", os.O_WRONLY | os.O_CREAT)
((child,),) = zygote.fork((zygote.claim("role"), [zygote.Birth("failing", [], output=log)]))
print(child.wait())
"""
    assert run(script, tmp_path, modules={"failing": failure}) == f"{code}\n", "said once, by the command"
    assert said in (tmp_path / "log").read_text()


def test_a_sandbox_holds_a_process_that_has_its_decoders_already(tmp_path):
    said = run(
        """
((child,),) = zygote.fork((zygote.claim("role"), [zygote.Birth("confined", ["/etc/passwd"])]))
child.wait()
""",
        tmp_path,
        "filterfleet.worker.daemon",
        modules={
            "confined": """
import sys
from concurrent.futures import ThreadPoolExecutor
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.sandbox.confinement import enter

def read(_):
    try:
        open(sys.argv[1]).close()
    except PermissionError:
        return "refused"

print(enter(()))
print(read(0), *ThreadPoolExecutor(2).map(read, range(2)))
"""
        },
    )
    in_force, refused = said.splitlines()
    if "no Landlock" in in_force:
        pytest.skip("the kernel has no Landlock")
    assert "threads" not in in_force, "each thread that is there before is outside of the sandbox"
    assert refused == "refused refused refused"


def test_a_zygote_that_dies_forks_nobody_and_leaves_nobody(tmp_path):
    said = run(
        """
import signal
waiting = zygote.claim("role")
os.kill(waiting._pid, signal.SIGKILL)
print(zygote.fork((waiting, [zygote.Birth("role", ["0"])] * 3)))
print(os.waitpid(-1, os.WNOHANG))
""",
        tmp_path,
    )
    assert said == "[[]]\n(0, 0)\n"


def test_a_zygote_that_nobody_asks_ends_with_its_command(tmp_path):
    said = run("print(zygote.claim('role')._pid, flush=True); os._exit(3)", tmp_path, code=3)
    wait_until(lambda: not Path(f"/proc/{int(said)}").exists(), what="the end of the zygote")


def test_a_process_that_is_not_adopted_yet_dies_with_the_command(tmp_path):
    """The command dies between the fork and its look at the children."""
    script = """
waiting = zygote.claim("role")
waiting.send([zygote.Birth("role", ["0", "--wait"])])
print(int(waiting._channel.recv(64)), flush=True)
os._exit(3)
"""
    pid = int(run(script, tmp_path, code=3))
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), what="the end of the process")


def test_a_birth_that_cannot_be_sent_is_no_endless_wait(tmp_path):
    said = run("print(zygote.fork((zygote.claim('role'), [zygote.Birth('role', ['0'], output=999)])))", tmp_path)
    assert said == "[[]]\n"


def test_a_program_with_threads_gets_no_zygote(tmp_path):
    said = run(
        """
import threading
zygote.claim("role")
ended = threading.Event()
thread = threading.Thread(target=ended.wait)
thread.start()
zygote.prepare("role", [])
print(zygote.claim("role"))
ended.set()
""",
        tmp_path,
    )
    assert said == "None\n"


@pytest.mark.parametrize("killed", [False, True])
def test_a_supervisor_has_the_first_processes_forked_and_later_ones_are_new_interpreters(killed: bool, tmp_path):
    said = run(
        f"""
from pathlib import Path
from filterfleet.common.process.supervisor import Spec, Supervisor
if {killed}:
    os.kill(zygote._waiting["role"]._pid, 9)
titles = []
with Supervisor([Spec(f"role-{{n}}", ["-m", "role", "0", "--wait"], Path(f"log{{n}}")) for n in range(2)], 5) as fleet:
    while len(titles) < 2:
        fleet.turn()
        first = fleet.children[0]
        log = Path("log0")
        lives = log.read_text().splitlines() if log.exists() else []
        if first.process and len(lives) > len(titles):
            titles.append(json.loads(lives[-1])["title"].split("\\0")[0] == sys.executable)
            first.process.kill()
    assert [child.spec.name for child in fleet.children if child.process]
print(titles)
""",
        tmp_path,
    )
    assert said == f"{[killed, True]}\n"
