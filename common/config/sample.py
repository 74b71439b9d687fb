"""The settings as text for people: a file to begin with, and tables for the documentation."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from filterfleet.common.config.model import takes
from filterfleet.common.config.setting import Setting, variable
from filterfleet.common.config.tables import FLEET, SHARED, TABLES

_SEVERAL = re.compile(r"[;.] [Mm]ay be given several times\.")  # on the command line
WIDTH = 100  # characters of a line

_HEAD = """\
# Settings of filterfleet. Every line that begins with "#" and a key is a default, or an example where there is none:
# take the "#" away to change it. `filterfleet config check FILE` says what is wrong with a file, and
# `filterfleet config show ROLE --config FILE` what each setting is and where that comes from.
#
# A variable of the environment overrides the file, and an option of the command line overrides both. Each comment names
# the variable.
"""


def sample(tables: Mapping[str, Iterable[Setting]]) -> str:
    """A file in which nothing is set, with every setting of the tables (but for what [fleet] has) in comments."""
    return _HEAD + "".join(_table(name, own(name, tables[name])) for name in TABLES)


def own(table: str, settings: Iterable[Setting]) -> list[Setting]:
    """The settings of a table that are not those of [fleet]."""
    return [setting for setting in settings if table == SHARED or setting.key not in FLEET]


def _table(name: str, settings: Iterable[Setting]) -> str:
    return f"\n{_comment(TABLES[name])}\n[{name}]\n" + "".join(_entry(name, setting) for setting in settings)


def _entry(table: str, setting: Setting) -> str:
    return f"\n{_comment(help_of(setting))}\n# {_facts(setting)} {variable(table, setting.key)}\n#{line(setting)}\n"


def _facts(setting: Setting) -> str:
    what = f"{takes(setting)[0].upper()}{takes(setting)[1:]}."
    return f"{what} Without it: {without(setting)}." if setting.default is None else what


def line(setting: Setting) -> str:
    """The key and its default, or an example."""
    return f"{setting.key} = {setting.shown(_example(setting) if setting.default is None else setting.default)}"


def without(setting: Setting) -> str:
    """What a setting is that has no value, in words."""
    shown = setting.option.show_default
    if setting.required:
        return "it has to be set somewhere"
    return shown if isinstance(shown, str) else "none"


def help_of(setting: Setting) -> str:
    text = " ".join((setting.option.help or "").split())
    return _SEVERAL.sub(".", text) if setting.many else text


def _example(setting: Setting) -> Any:
    if setting.kind in (int, float) and setting.option.parser is None:
        return setting.option.min or 1
    metavar = setting.option.metavar
    if isinstance(metavar, str) and metavar != "SIZE":
        return metavar
    return "500M" if metavar == "SIZE" else next((member.value for member in _members(setting)), "FILE")


def _members(setting: Setting) -> list[Any]:
    return list(getattr(setting.kind, "__members__", {}).values())


def _comment(text: str) -> str:
    return "\n".join(
        f"# {part}" for part in textwrap.wrap(text, WIDTH - 2, break_on_hyphens=False, break_long_words=False)
    )


def markdown(tables: Mapping[str, Iterable[Setting]]) -> str:
    """A table of Markdown for each table of the file."""
    return "\n".join(f"### [{name}]\n\n{TABLES[name]}\n\n{_rows(own(name, tables[name]))}" for name in TABLES)


def _rows(settings: Iterable[Setting]) -> str:
    rows = "".join(
        f"| `{setting.key}` | {_cell(help_of(setting))} | {_cell(takes(setting))} | {_cell(_default(setting))} |\n"
        for setting in settings
    )
    return f"| key | what it is | it takes | without it |\n|---|---|---|---|\n{rows}"


def _default(setting: Setting) -> str:
    return without(setting) if setting.default is None else f"`{setting.shown(setting.default)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
