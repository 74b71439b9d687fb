"""The list of commands: what it says is what the commands say, and showing it loads nothing heavy."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer

import filterfleet
from filterfleet.app import app
from filterfleet.cli import stages
from filterfleet.common.process.lazy import LazyCommand, LazyGroup

HEAVY = ("cv2", "numpy", "pyvips", "zmq", "rclone_python", "sqlite3", "distributed", "mpi4py")
# What libraries load that nobody here asked for, and that takes 10 to 60 ms.
ACCIDENTS = {"pydantic", "rich.markdown", "asyncio", "ssl", "http.client", "unittest", "structlog"}
PACKAGE = Path(filterfleet.__file__).parent
# Files that import inside functions, and why; each says so beside the import, too.
LATE_IMPORTS = {
    "bench/analysis/commands.py": "OpenCV, for what measures",
    "bench/analysis/plots.py": "matplotlib, which the Markdown form has no use for",
    "cli.py": "Typer, beside which other processes load what they need",
    "commands/doctor.py": "the commands of all daemons, for their settings",
    "recipes.py": "OpenCV, for a recipe that has to be checked",
    "dashboard/cli.py": "a web server and an event loop",
    "studio/process.py": "OpenCV, whose threads have to start inside the sandbox",
    "worker/process.py": "OpenCV, whose threads have to start inside the sandbox",
    "worker/engines/child.py": "OpenCV, whose threads have to start inside the sandbox",
    "worker/engines/select.py": "OpenCV, ZeroMQ and what starts processes, each for the engines that need it",
    "worker/filters/finding.py": "libvips, for a filter that few recipes have",
    "worker/filters/profiles.py": "libvips, for filters that few recipes have",
    "worker/filters/plugins.py": "importlib.metadata, for a filter that does not ship",
    "listener/local/source.py": "Watchdog, for a source that is watched",
    "worker/sandbox/rules.py": "importlib.metadata, which a process that only starts others has no use for",
    "worker/engines/mpi.py": "an optional package",
    "worker/engines/dask.py": "an optional package",
    "worker/formats/heic.py": "an optional package",
    "worker/formats/jxl.py": "an optional package",
    "worker/formats/raw.py": "an optional package",
    "worker/formats/jp2.py": "an optional package",
    "fleet.py": "the history of a ledger, for metrics",
    "listener/ends.py": "rclone, for a remote source or output",
    "listener/daemon.py": "Python's HTTP server for hints, its client for webhooks, a ledger's history for metrics",
    "common/config/resolve.py": "Pydantic, for settings that are no flags",
    "common/metrics/serving.py": "Prometheus' library and Python's HTTP server, for metrics",
    "commands/auditing.py": "rclone, for a remote output",
    "commands/plan.py": "rclone, for a remote source",
}


def commands(group: LazyGroup | None = None) -> Iterator[LazyCommand]:
    """Every lazy command, and those of the groups among them."""
    for command in (group or typer.main.get_group(app)).commands.values():
        yield command
        if isinstance(real := command.load(), LazyGroup):
            yield from commands(real)


def test_the_short_help_is_the_first_line_of_the_help():
    found = {command.name: command for command in commands()}
    assert {"up", "recipe", "bench", "check", "huge"} <= set(found)
    shown = {name: command.short_help for name, command in found.items()}
    assert shown == {name: command.load().help.partition("\n")[0] for name, command in found.items()}


@pytest.mark.parametrize("arguments", [("--help",), ("bench", "--help"), ("recipe", "--help"), ("--version",)])
def test_the_list_of_commands_loads_nothing_heavy(arguments):
    script = f"""
import sys
from filterfleet.app import app
try:
    app({list(arguments)!r})
finally:
    print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert said.stderr == "[]\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["filterfleet", "li"], {"listener"}),
        (["filterfleet", "up", "--bac"], {"--backend-port", "--backfill"}),
        (["filterfleet", "up", "--backfill", ""], {"oldest", "newest", "none"}),
        (["filterfleet", "recipe", ""], {"init", "check", "list", "show", "try"}),
        (["filterfleet", "bench", "huge", "--mega"], {"--megapixels"}),
    ],
)
def test_shells_complete_commands_and_their_options(words, expected):
    environment = os.environ | {
        "_FILTERFLEET_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    command = [str(Path(sys.executable).with_name("filterfleet"))]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout
    assert set(said.split()) == expected


@pytest.mark.parametrize(
    ("command", "needless"),
    [
        ("run in out", {"cv2", "numpy", "zmq", "email"}),
        ("run in out --engine threads", {"zmq", "multiprocessing", "watchdog", "email"}),
        ("up --source in --output out", {"cv2", "numpy", "zmq", "email"}),
        ("listener --source in --output out", {"cv2", "numpy", "email"}),
    ],
)
def test_a_command_loads_only_what_it_needs(command: str, needless: set[str], tmp_path: Path):
    """Up to its first look at the folder, which is not there."""
    script = f"""
import sys
from filterfleet.app import run
sys.argv = ["filterfleet", *{command.split()!r}]
try:
    run()
finally:
    print(sorted(set({sorted(needless | ACCIDENTS)!r}) & set(sys.modules)))
"""
    said = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert said.stderr == "filterfleet: The source folder in does not exist.\n"
    assert said.stdout == "[]\n"


@pytest.mark.parametrize(
    ("module", "needless"),
    [
        ("filterfleet.broker.service", {"typer", "cv2", "numpy", "sqlite3"}),
        ("filterfleet.worker.daemon", {"typer", "sqlite3", "multiprocessing"}),
        ("filterfleet.worker.engines.serving", {"typer", "sqlite3", "zmq"}),
        ("filterfleet.listener.daemon", {"cv2", "numpy", "multiprocessing"}),
    ],
)
def test_a_process_loads_only_what_it_needs(module: str, needless: set[str]):
    script = f"import sys, {module}; print(sorted(set({sorted(needless | ACCIDENTS)!r}) & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert said.stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run in out", {"filterfleet.worker.engines.child"}),
        ("run in out --engine processes", {"filterfleet.worker.engines.child"}),
        ("run in out --engine threads", set()),
        ("run in out --engine=cluster", set()),
        (
            "up --source in --output out",
            {"filterfleet.worker.process", "filterfleet.listener.process", "filterfleet.broker"},
        ),
        ("up --source :sftp,pass=secret: --output out", set()),
        ("up --help", set()),
        ("status", set()),
        ("", set()),
    ],
)
def test_processes_are_forked_for_the_commands_that_have_them(words: str, expected: set[str]):
    found = stages(words.split())
    assert {stage.process for stage in found} == expected
    for name in (name for stage in found for name in (*stage.shared, stage.process, *stage.loads)):
        assert find_spec(name), name


def test_modules_import_at_their_top():
    """Those that import inside a function have a reason, which stands above."""
    found = set()
    for folder, _, names in os.walk(PACKAGE, followlinks=True):
        for file in (Path(folder, name) for name in names if name.endswith(".py")):
            functions = (
                node
                for node in ast.walk(ast.parse(file.read_bytes()))
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            )
            if any(isinstance(node, ast.Import | ast.ImportFrom) for each in functions for node in ast.walk(each)):
                found.add(str(file.relative_to(PACKAGE)))
    assert found == set(LATE_IMPORTS)
