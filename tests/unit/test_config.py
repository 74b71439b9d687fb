"""Settings from flags, variables and the file: one declaration, one order, every mistake at once."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from filterfleet.app import app
from filterfleet.commands.config_files import MADE, parts
from filterfleet.commands.config_tables import COMMANDS, all_tables
from filterfleet.common.config.file import LARGEST, File, choose, read, standard_for
from filterfleet.common.config.resolve import Origin, Resolved, resolve
from filterfleet.common.config.sample import sample
from filterfleet.common.config.setting import Setting, settings_of, variable
from filterfleet.common.config.tables import FLEET, READS, SHARED
from filterfleet.common.config.variables import strangers
from filterfleet.common.errors import FleetError
from filterfleet.common.process.log_options import LevelName
from filterfleet.listener.core.settings import Backfill
from tests.unit.rights_rig import NOBODY, acting_as

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
UPDATE = "bring it up to date with: filterfleet config init --docs docs/configuration.md"


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        file = tmp_path / "filterfleet.toml"
        file.write_text(text)
        return file

    return write


def resolved(command: str, file: Path | None = None, **environment: str) -> Resolved:
    return resolve(command, settings_of(COMMANDS[command]), read(file), environment)


def values(found: Resolved) -> dict[str, Any]:
    assert not found.mistakes
    return {name: each.value for name, each in found.found.items()}


def run(*arguments: str, **environment: str | None) -> tuple[int, str]:
    done = CliRunner(env={"COLUMNS": "400", **environment}).invoke(app, ["config", *arguments])
    said = str(done.exception) if isinstance(done.exception, FleetError) else done.output
    return getattr(done.exception, "exit_code", done.exit_code), said


# --- one declaration ----


@pytest.mark.parametrize("command", COMMANDS)
def test_each_flag_of_each_daemon_has_its_key_and_its_variable(command: str):
    alone = typer.Typer(add_completion=False)
    alone.command()(COMMANDS[command])
    shown = [parameter for parameter in typer.main.get_command(alone).params if not getattr(parameter, "hidden", False)]
    flags = {parameter.opts[0] for parameter in shown} - {"--config", "--help"}
    settings = {setting.flag: setting for setting in settings_of(COMMANDS[command])}
    assert settings.keys() == flags
    assert all(setting.key == flag[2:].replace("-", "_") for flag, setting in settings.items())
    environment = {f"FILTERFLEET_{command.upper()}_{s.key.upper()}": example(s) for s in settings.values()}
    assert values(resolved(command, **environment)).keys() == {setting.name for setting in settings.values()}


def example(setting: Setting) -> str:
    """A text that the setting takes."""
    if setting.option.parser is not None:
        return "1G"
    members = list(getattr(setting.kind, "__members__", {}).values())
    return members[-1].value if members else "1"


def test_what_all_roles_share_has_the_defaults_of_each():
    for command in COMMANDS.values():
        for setting in settings_of(command):
            if setting.key in FLEET:
                assert setting.default == FLEET[setting.key].default, setting.flag


# --- the order ----


def test_a_variable_goes_before_the_file_and_the_own_table_before_that_of_all(write):
    file = write('[fleet]\nkeys = "/f"\nbackend_port = 1\n[worker]\nkeys = "/w"\nthreads = 3\nmemory = "1G"\n')
    assert values(resolved("worker", file)) == {
        "keys": Path("/w"),
        "backend_port": 1,
        "threads": 3,
        "memory": 1 << 30,
    }
    found = resolved("worker", file, FILTERFLEET_KEYS="/v", FILTERFLEET_WORKER_THREADS="4", FILTERFLEET_BACKEND_PORT="")
    assert values(found) == {"keys": Path("/v"), "backend_port": 1, "threads": 4, "memory": 1 << 30}
    assert found.found["keys"].origin is Origin.VARIABLE
    assert found.found["keys"].place == "FILTERFLEET_KEYS"
    assert found.found["memory"].place == f"{file}, line 7, [worker]"


def test_up_takes_what_the_roles_have(write):
    file = write(
        '[up]\nworkers = 3\nthreads = 1\n[listener]\nsource = "a"\noutput = "b"\nbroker = "x"\n'
        '[worker]\nthreads = 2\nmemory = "2G"\nprocesses = 7\n[fleet]\nlog_level = "DEBUG"\n'
    )
    expected = {"workers": 3, "threads": 1, "source": "a", "output": "b", "memory": 2 << 30}
    assert values(resolved("up", file)) == {**expected, "_log_level": LevelName.DEBUG}


def test_the_values_have_the_types_of_the_options(write):
    file = write('[listener]\nsettle = 2\nbackfill = "newest"\nonce = true\ninclude = ["*.jpg"]\nmax_size = 1000\n')
    found = values(resolved("listener", file))
    expected = {"settle": 2.0, "backfill": Backfill.NEWEST, "once": True, "include": ["*.jpg"], "max_size": 1000}
    assert found == expected
    assert type(found["settle"]) is float
    variables = {"INCLUDE": "[ab]*.jpg", "EXCLUDE": '["a b", "c"]', "ONCE": "0"}
    environment = {f"FILTERFLEET_LISTENER_{name}": value for name, value in variables.items()}
    assert values(resolved("listener", **environment)) == {
        "include": ["[ab]*.jpg"],
        "exclude": ["a b", "c"],
        "once": False,
    }


def test_which_file_is_read(tmp_path: Path, monkeypatch):
    there = tmp_path / "standard.toml"
    monkeypatch.setattr("filterfleet.common.config.file.STANDARD", there)
    assert standard_for("worker") is None
    there.touch()
    assert standard_for("worker") == there
    assert standard_for("up") is None
    assert choose(None, {"FILTERFLEET_CONFIG": ""}, there) == there
    assert choose(None, {"FILTERFLEET_CONFIG": "a"}, there) == Path("a")
    assert choose(Path("b"), {"FILTERFLEET_CONFIG": "a"}, there) == Path("b")


# --- mistakes ----


def test_every_mistake_is_told_at_once_with_its_line_and_a_suggestion(write):
    file = write(
        "threads = 1\n[worker]\nprocesses = 0\n\nthraeds = 4\nmemory = 'big'\nshare = 'a=b'\nno_sandbox = 1\n"
        "drain_limit = nan\n[fleet]\nfrontend_port = '5555'\nlog_level = 'loud'\n[wroker]\n[listener]\nnonsense = 1\n"
    )
    mistakes = resolved("worker", file, FILTERFLEET_WORKER_THREADS="many").mistakes
    no_memory = "'big' is not an amount of memory such as 500M or 2G. The smallest is 64M."
    assert sorted(mistakes) == sorted(
        [
            f"{file}, line 1: threads cannot stand here: settings stand in tables, such as [fleet].",
            f"{file}, line 13: there is no table [wroker]: did you mean 'worker'?",
            'The variable FILTERFLEET_WORKER_THREADS: threads takes a whole number from 0 to 1024, not "many".',
            f"{file}, line 3: [worker] processes takes a whole number from 1 to 1024, not 0.",
            f"{file}, line 5: [worker] there is no setting 'thraeds': did you mean 'threads'?",
            f"{file}, line 6: [worker] memory: {no_memory}",
            f'{file}, line 7: [worker] share takes a list, each item a text (NAME=DIR), not "a=b".',
            f"{file}, line 8: [worker] no_sandbox takes true or false, not 1.",
            f"{file}, line 9: [worker] drain_limit takes a number, at least 0, not nan.",
            f'{file}, line 11: [fleet] frontend_port takes a whole number from 1 to 65535, not "5555".',
            f'{file}, line 12: [fleet] log_level takes one of "debug", "info", "warning", "error", not "loud".',
        ]
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_a_daemon_that_may_not_look_for_the_standard_file_does_not_go_on_without_it(tmp_path: Path, monkeypatch):
    there = tmp_path / "closed/filterfleet.toml"
    there.parent.mkdir(0o700)
    there.touch()
    monkeypatch.setattr("filterfleet.common.config.file.STANDARD", there)
    with acting_as(NOBODY):
        assert standard_for("worker") == there
        with pytest.raises(FleetError, match="cannot be read: Permission denied"):
            read(there)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[fleet\n", "The settings {} are not TOML: Expected ']' at the end of a table declaration (at line 1, "),
        (b"[fleet]\n# gr\xfcn\n", "The settings {} are not text in UTF-8, from line 2 on: store the file as UTF-8."),
        (b"[worker]\nthreads = " + b"1" * 5000, "The settings {} are not TOML: a number has thousands of digits"),
        (b"[worker]\nshare = " + b"[" * 5000, "The settings {} are not TOML: a number has thousands"),
        (b"#" * (LARGEST + 1), "The settings {} have more than 1 MiB: name another file."),
        (None, "The settings {} cannot be read: No such file or directory."),
    ],
)
def test_a_file_that_cannot_be_read(content: bytes | None, said: str, tmp_path: Path):
    file = tmp_path / "filterfleet.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(FleetError) as told:
        read(file)
    assert str(told.value).startswith(said.format(file))


def test_a_file_of_another_editor_is_read(tmp_path: Path):
    """With a mark of UTF-8, and lines that end as those of Windows do."""
    file = tmp_path / "filterfleet.toml"
    file.write_bytes("\ufeff[worker]\r\nthreads = 2\r\nbroker = 3\r\n".encode())
    (mistake,) = resolved("worker", file).mistakes
    assert mistake == f"{file}, line 3: [worker] broker takes a text (HOST[,HOST...]), not 3."


def test_values_that_no_option_could_have_are_mistakes(write):
    file = write("[fleet]\nbroker = { a = 1 }\nkeys = 2026-01-01\n[worker]\nmemory = 1.5\nthreads = true\n")
    assert len(resolved("worker", file).mistakes) == 4
    file = write(
        "[worker]\nmemory = '9999999T'\nprocesses = 100000\n[listener]\nsettle = 1e300\nmax_size = '9999999T'\n"
    )
    assert len(resolved("worker", file).mistakes) == 2
    assert len(resolved("listener", file).mistakes) == 2


def test_a_secret_is_in_no_mistake(write):
    file = write('[listener]\nwebhook = "https://a.example/SECRET"\nsource = [":s3,secret_access_key=SECRET:b"]\n')
    mistakes = resolved("listener", file).mistakes
    assert len(mistakes) == 2
    assert "SECRET" not in "".join(mistakes)
    file = write('[listener]\nsource = { a = ":s3,secret_access_key=SECRET:b" }\nwebhook = [{ a = "SECRET" }]\n')
    mistakes = resolved("listener", file).mistakes
    assert [mistake.rpartition(", ")[2] for mistake in mistakes] == ["not a table.", "not [a table]."]


def test_unknown_variables_are_told_but_those_of_kubernetes_are_not():
    environment = dict.fromkeys(
        (
            "FILTERFLEET_WORKER_TREADS",
            "FILTERFLEET_BROKER_PORT",
            "FILTERFLEET_BROKER_SERVICE_HOST",
            "FILTERFLEET_BROKER_PORT_5555_TCP_ADDR",
            "FILTERFLEET_LISTENER_NONSENSE",
            "FILTERFLEET_CONFIG",
            "FILTERFLEET_NUMBERS",
            "PATH",
        ),
        "x",
    )
    known = [variable(table, setting.key) for table in READS["worker"] for setting in settings_of(COMMANDS["worker"])]
    assert strangers(environment, known, ["listener"]) == {
        "FILTERFLEET_WORKER_TREADS": "did you mean FILTERFLEET_WORKER_THREADS?"
    }


# --- the sample and the page ----


def test_the_sample_sets_nothing_and_without_its_comment_signs_everything_to_the_default(write):
    text = sample(all_tables())
    assert all(found == {} for found in tomllib.loads(text).values())
    file = write(re.sub(r"^#(?=\w+ = )", "", text, flags=re.MULTILINE))
    for command in COMMANDS:
        found = resolved(command, file)
        assert not found.mistakes
        settings = settings_of(COMMANDS[command])
        assert found.found.keys() == {setting.name for setting in settings}
        for setting in settings:
            if setting.default is not None:
                assert found.found[setting.name].value == setting.default, setting.flag


def test_the_page_shows_the_sample_and_every_setting():
    page = PAGE.read_text()
    shown = {name: content for _, name, content, _ in MADE.findall(page)}
    assert shown == parts(), UPDATE


# --- the commands ----


def test_config_check_looks_at_every_table_and_variable(write):
    file = write("[listener]\nnonsense = 1\n[dashboard]\nbind = 3\n")
    code, said = run("check", str(file), FILTERFLEET_WORKER_THREADS="x", FILTERFLEET_BROKR="y")
    assert code == 2
    assert len(said.split("\n")) == 4
    assert "FILTERFLEET_BROKR means nothing: did you mean FILTERFLEET_BROKER?" in said
    file = write("[listener]\nsource = 'a'\n")
    assert run("check", str(file)) == (0, f"Nothing is wrong with {file}.\n")


def test_config_check_knows_the_table_of_a_key(write):
    file = write("[worker]\nsource = 'a'\nmetrics = '9'\n[fleet]\nworkers = 2\nrecipe = 3\n")
    assert run("check", str(file))[1].splitlines() == [
        f"{file}, line 5: [fleet] has no 'workers': that is a setting of [up].",
        f"{file}, line 6: [fleet] has no 'recipe': that is a setting of [listener].",
        f"{file}, line 2: [worker] has no 'source': that is a setting of [listener].",
    ]


def test_config_show_says_where_each_value_comes_from_and_masks_secrets(write):
    file = write(
        '[listener]\nsource = ":s3,secret_access_key=abc:b"\nwebhook = ["https://h.example/abc"]\nsettle = 3\n'
    )
    arguments = ("listener", "--config", str(file), "--settle", "4")
    code, said = run("show", *arguments, FILTERFLEET_LISTENER_TRANSFERS="7")
    assert code == 0
    rows = [re.split(r" {2,}", line.strip()) for line in said.splitlines() if "listener." in line]
    assert len(rows) == len(settings_of(COMMANDS["listener"]))
    shown = {row[0].removeprefix("listener."): [row[2], row[1]] for row in rows}
    assert shown["source"] == ['":s3,secret_access_key=***:b"', f"{file}, line 2, [listener]"]
    assert shown["webhook"] == ['["https://h.example/..."]', f"{file}, line 3, [listener]"]
    assert shown["settle"] == ["4.0", "--settle"]
    assert shown["transfers"] == ["7", "FILTERFLEET_LISTENER_TRANSFERS"]
    assert shown["output"] == ["it has to be set somewhere", "default"]
    assert shown["recipe"] == ['"default"', "default"]


def test_lines_are_those_of_the_table_they_stand_in(write):
    file = write('worker.threads = 1\n\n[fleet]  # a\n"keys" = """\nthreads = 2"""\n')
    found: File = read(file)
    assert found.place("worker", "threads") == f"{file}, line 1"
    assert found.place(SHARED, "keys") == f"{file}, line 4"
    assert found.place(SHARED, "nothing") == f"{file}, line 3"


@pytest.mark.parametrize("command", sorted(READS))
def test_every_command_that_reads_settings_takes_config(command: str):
    loaded = typer.main.get_command(app).commands[command].load()
    assert "--config" in {flag for parameter in loaded.params for flag in parameter.opts}


# --- what people write ----


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[worker]\nthreads = 1\nthreads = 2\n", "are not TOML: The same key stands there twice (at line 3"),
        ("[worker]\n[broker]\n[worker]\n", "are not TOML: The same table stands there twice, 'worker' (at line 3"),
        ("[fleet]\nkeys = /etc/keys\n", "are not TOML: This is no value, and texts need quotes (at line 2, column 8)"),
        ('broker = "hub"\n', "line 1: broker cannot stand here: that is a setting of [fleet]."),
        ("listener = 1\n", "line 1: listener cannot stand here: that is the name of a table."),
        ("[[worker]]\nthreads = 1\n", "worker cannot stand here: a table has one bracket on each side, [worker]."),
        ('[fleet]\nkeys = "a\\u0000b"\n', "line 2: [fleet] keys: a NUL character cannot stand in it."),
        (
            '[listener]\ninclude = ["a", "b\\u0000"]\n',
            "line 2: [listener] include: a NUL character cannot stand in it.",
        ),
    ],
)
def test_mistakes_are_told_in_words_of_those_who_write_files(text: str, said: str, write) -> None:
    code, told = run("check", str(write(text)))
    assert code == 2
    assert said in told


def test_a_path_may_begin_at_home(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = write('[fleet]\nkeys = "~/keys"\n[listener]\nstate = "./~/state"\n')
    found = values(resolved("listener", file, FILTERFLEET_LISTENER_RCLONE_CONFIG="~/rclone.conf"))
    assert found["keys"] == tmp_path / "keys"
    assert found["rclone_config"] == tmp_path / "rclone.conf"
    assert found["state"] == Path("~/state")


def test_a_list_in_a_variable_that_does_not_end_is_no_pattern():
    found = resolved("listener", FILTERFLEET_LISTENER_INCLUDE='["*.jpg", "*.png"')
    (mistake,) = found.mistakes
    assert mistake.startswith("The variable FILTERFLEET_LISTENER_INCLUDE: include takes a list, each item a text, not ")


def test_the_name_of_the_file_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my.toml").write_text("[worker]\nthreads = 3\n")
    assert "my.toml" in run("check", FILTERFLEET_CONFIG="~/my.toml")[1]
    code, said = run("show", "worker", "--config=~/my.toml")
    assert code == 0
    assert "my.toml, line 2, [worker]" in said
