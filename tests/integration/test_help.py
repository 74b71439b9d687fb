"""Every command explains itself."""

from __future__ import annotations

import sys

import pytest

from tests.integration.harness import Processes

OPTIONS = {
    "broker": ("--bind", "--frontend-port", "--backend-port", "--keys", "--insecure"),
    "keys": ("make", "list", "keys FOLDER"),
    "worker": ("--broker", "--backend-port", "--threads", "--processes", "--drain-limit", "--keys"),
    "listener": ("--source", "--output", "--recipe", "--broker", "--state", "--settle", "--interval", "--once"),
    "up": ("--source", "--output", "--recipe", "--workers", "--threads", "--frontend-port", "--backend-port", "--once"),
    "submit": ("FILE", "--output", "--recipe", "--broker", "--frontend-port"),
    "status": ("--broker", "--frontend-port", "--keys"),
    "demo": ("--output", "--recipe", "--workers"),
    "chaos": ("--seconds", "--seed", "--workers", "--images", "--keep"),
    "recipe": ("init", "check", "list", "show"),
    "filters": ("NAME",),
}


def test_the_command_lists_its_commands(processes: Processes):
    code, said = processes.run("--help")
    assert code == 0
    for command in (*OPTIONS, "bench"):
        assert f" {command} " in said


@pytest.mark.parametrize(
    "command", ["up", *(pytest.param(name, marks=pytest.mark.slow) for name in OPTIONS if name != "up")]
)
def test_each_command_lists_its_options(processes: Processes, command):
    code, said = processes.run(command, "--help")
    assert code == 0
    for option in OPTIONS[command]:
        assert option in said


@pytest.mark.parametrize("role", ["broker", "worker", "listener"])
def test_each_role_is_a_module_too(processes: Processes, role):
    code, said = processes.run("-m", f"filterfleet.{role}", "--help", program=(sys.executable, "-P"))
    assert code == 0
    for option in OPTIONS[role]:
        assert option in said


def test_an_unknown_option_is_a_usage_error(processes: Processes):
    code, said = processes.run("broker", "--no-such-option")
    assert code == 2
    assert "No such option" in said
    assert "Traceback" not in said
