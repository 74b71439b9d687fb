"""What a running daemon takes of settings that it reads again, and processes that are replaced one by one."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from filterfleet.cli import REREAD
from filterfleet.common.config.config import Config
from filterfleet.common.config.option import ConfigFile
from filterfleet.common.config.tables import DAEMONS
from filterfleet.common.errors import FleetError
from filterfleet.common.logs import ALL, LEVEL, configure
from filterfleet.common.process.command import SUPERVISOR
from filterfleet.common.process.log_options import LogLevel
from filterfleet.common.process.supervisor import Spec, Supervisor, supervise
from tests.unit.test_supervisor import FOREVER, READY, turn_until


@pytest.fixture(autouse=True)
def _restored_log(monkeypatch):
    monkeypatch.delenv(LEVEL, raising=False)
    package = logging.getLogger(ALL)
    before = package.handlers[:], package.propagate, package.level
    yield
    os.environ.pop(LEVEL, None)
    package.handlers[:], package.propagate = before[0], before[1]
    package.setLevel(before[2])


def session(script: Callable[[Config], None], *arguments: object, **environment: str) -> str:
    """Runs script with the settings of a worker that was started with these arguments. Returns what it logged."""
    app = typer.Typer(add_completion=False)

    @app.command("worker")
    def worker(
        _threads: Annotated[int, typer.Option("--threads", min=0, max=8)] = 0,
        _processes: Annotated[int, typer.Option("--processes")] = 1,
        _keys: Annotated[Path | None, typer.Option("--keys")] = None,
        _log_level: LogLevel = None,
        config: ConfigFile = None,
    ) -> None:
        configure()
        assert config is not None
        script(config)

    result = CliRunner(env=environment).invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None, result.exception
    return result.output


def accept(_values: Mapping[str, Any]) -> None:
    pass


def test_what_may_change_changes_and_the_rest_is_named(tmp_path: Path):
    file = tmp_path / "f.toml"
    file.write_text("[worker]\nthreads = 1\nprocesses = 2\n")

    def script(config: Config) -> None:
        file.write_text('[fleet]\nlog_level = "warning"\n[worker]\nthreads = 3\nprocesses = 4\nkeys = "/k"\n')
        live = {"_threads", "_keys"}
        assert config.reload(live, accept)
        assert {name: config.values[name] for name in live} == {"_threads": 3, "_keys": Path("/k")}
        assert config.values["_processes"] == 2
        assert logging.getLogger(ALL).level == logging.WARNING
        file.write_text("[worker]\nprocesses = 4\n")
        assert config.reload(live, accept)
        assert {name: config.values[name] for name in live} == {"_threads": 0, "_keys": None}
        assert logging.getLogger(ALL).level == logging.INFO

    said = session(script, "--config", file)
    # The first reload is no line: only warnings are written from then on.
    assert "settings reloaded changed='threads, keys, log_level' needs_restart=processes" in said
    assert said.count("settings reloaded") == 1


def test_flags_and_variables_of_the_start_go_before_a_new_file(tmp_path: Path):
    file = tmp_path / "f.toml"
    file.write_text("")

    def script(config: Config) -> None:
        file.write_text('[worker]\nthreads = 3\nprocesses = 4\nkeys = "/f"\n')
        assert config.reload({"_threads", "_processes", "_keys"}, accept)
        assert "_threads" not in config.values
        assert (config.values["_processes"], config.values["_keys"]) == (4, Path("/v"))

    said = session(script, "--config", file, "--threads", 2, FILTERFLEET_KEYS="/v")
    assert "settings reloaded changed=processes needs_restart=nothing" in said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[worker\n", "not TOML"),
        ("[worker]\nthreads = 9\nthraeds = 1\n", "line 2: [worker] threads takes a whole number from 0 to 8, not 9."),
        ("[worker]\nthreads = 5\n", "no good"),
        ("[worker]\nthreads = " + "1" * 5000, "not TOML"),
        (None, "No such file"),
    ],
)
def test_what_is_wrong_changes_nothing(text: str | None, reason: str, tmp_path: Path):
    file = tmp_path / "f.toml"
    file.write_text("[worker]\nthreads = 1\n")

    def refuse(values: Mapping[str, Any]) -> None:
        if values["_threads"] == 5:
            raise FleetError("no good")

    def script(config: Config) -> None:
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        assert not config.reload({"_threads"}, refuse)
        assert config.values["_threads"] == 1

    said = session(script, "--config", file)
    (line,) = said.splitlines()
    assert "settings not reloaded, the old ones stay" in line
    assert reason in line


HANGUPS = """
import os, signal
from filterfleet.common.process import hangup
from filterfleet.common.process.wakeup import ReloadSignal
hangup.hold()
os.kill(os.getpid(), signal.SIGHUP)
reload = ReloadSignal()
print(reload.take(), reload.take())
reload.close()
os.kill(os.getpid(), signal.SIGHUP)
print("ends by itself")
"""


def test_a_signal_that_comes_while_a_daemon_starts_waits_and_one_while_it_ends_means_nothing():
    done = subprocess.run([sys.executable, "-c", HANGUPS], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "True False\nends by itself\n")


def test_the_first_that_a_daemon_does_is_to_hold_the_signal():
    assert {*DAEMONS} - {"up"} == REREAD
    lines = "sys.argv = ['filterfleet', 'worker']; cli.loading = lambda: os.kill(os.getpid(), signal.SIGHUP)"
    script = f"import os, signal, sys; from filterfleet import cli; {lines}; cli.main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, "it lives, and finds that our loading() is none"
    assert "context manager" in done.stderr


def test_a_pipe_is_not_read_again(tmp_path: Path):
    """`--config <(...)`: its writer has gone, and whoever opens it again waits for another one."""
    file = tmp_path / "f.toml"
    file.write_text("[worker]\nthreads = 1\n")

    def script(config: Config) -> None:
        file.unlink()
        os.mkfifo(file)
        assert not config.reload({"_threads"}, accept)

    assert "it is not a file but a named pipe" in session(script, "--config", file)


def test_an_option_with_an_empty_value_is_not_given(tmp_path: Path):
    file = tmp_path / "f.toml"
    file.write_text("[worker]\nthreads = 1\n")

    def script(config: Config) -> None:
        assert config.context.params["_threads"] == 1
        assert config.context.params["_keys"] is None

    session(script, "--config", file, "--threads", "", "--keys", "")


def test_settings_that_everybody_can_write_and_variables_that_mean_nothing_are_told(tmp_path: Path):
    file = tmp_path / "f.toml"
    file.touch(0o644)
    configure()
    assert session(lambda _config: None, "--config", file) == ""
    file.chmod(0o666)
    said = session(lambda _config: None, "--config", file, FILTERFLEET_WORKER_TREADS="1")
    assert "everybody can write the settings" in said
    assert "did you mean FILTERFLEET_WORKER_THREADS?" in said


def test_a_process_of_ours_has_its_settings_from_its_parent_alone(tmp_path: Path):
    file = tmp_path / "f.toml"
    file.write_text("[worker]\nnonsense = 1\n")
    app = typer.Typer(add_completion=False)

    @app.command("worker")
    def worker(
        threads: Annotated[int, typer.Option("--threads")] = 0,
        config: ConfigFile = None,
    ) -> None:
        assert (threads, config) == (0, None)

    environment = {"FILTERFLEET_CONFIG": str(file), "FILTERFLEET_WORKER_THREADS": "3", SUPERVISOR: "1"}
    assert CliRunner(env=environment).invoke(app, []).exit_code == 0
    del environment[SUPERVISOR]
    assert CliRunner(env=environment).invoke(app, []).exit_code != 0


# --- processes ----


def test_processes_are_replaced_one_after_another():
    old = [Spec(f"p{n}", ("-c", READY + FOREVER)) for n in range(2)]
    with Supervisor(old, patience=5) as supervisor:
        turn_until(supervisor, lambda: supervisor.ready)
        pids = [child.process.pid for child in supervisor.children]
        supervisor.renew([Spec(f"p{n}", ("-c", READY + "#new\n" + FOREVER)) for n in range(2)])
        missing = []

        def both_are_new() -> bool:
            missing.append(sum(not child.ready for child in supervisor.children))
            return supervisor.ready and all(
                child.process and child.process.pid not in pids for child in supervisor.children
            )

        turn_until(supervisor, both_are_new)
        assert max(missing) == 1
        assert all("#new" in child.spec.arguments[1] for child in supervisor.children)


def test_a_process_that_does_not_end_is_killed_for_the_next_one():
    deaf = READY + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: signal.pause()\n"
    with Supervisor([Spec("p", ("-c", deaf))], patience=0.1) as supervisor:
        turn_until(supervisor, lambda: supervisor.ready)
        (child,) = supervisor.children
        pid = child.process.pid
        supervisor.renew([Spec("p", ("-c", READY + FOREVER))])
        turn_until(supervisor, lambda: child.process is not None and child.process.pid != pid and child.ready)


def test_supervise_reads_again_at_sighup_and_does_not_end():
    read: list[bool] = []

    def reread() -> list[Spec]:
        read.append(True)
        return []

    def watch(supervisor: Supervisor) -> bool:
        if supervisor.ready and not read:
            os.kill(os.getpid(), signal.SIGHUP)
        return bool(read)

    before = signal.getsignal(signal.SIGHUP)
    supervise([Spec("p", ("-c", READY + FOREVER))], patience=5, watch=watch, reread=reread)
    assert read
    assert signal.getsignal(signal.SIGHUP) is before
