"""Filters of plugins, checked in a process of its own: other people's code may end the process that it is in.

`python -m filterfleet.catalogue.checking` takes the names of filters, or none for those of all plugins, and of filters
to leave out, as JSON; it writes what it does and what it finds to its standard output, a line of JSON each.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from filterfleet.catalogue.soundness import faults, is_shipped
from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.recipe import Step
from filterfleet.common.text import printable
from filterfleet.worker.filters import Filter, bind, catalogue
from filterfleet.worker.filters.plugins import failures, plugin_of
from filterfleet.worker.filters.registry import load

_COMMAND = (sys.executable, "-P", "-m", "filterfleet.catalogue.checking")


@dataclass(slots=True)
class Checked:
    """names are those of the filters that were checked. left_out has a sentence for each plugin that was not loaded."""

    names: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def checked(names: Sequence[str] = ()) -> Checked:
    """What is wrong with these filters, or with those of all plugins. Where one ends the process, another process goes
    on with the next. Raises OSError.
    """
    found = Checked()
    while _is_unfinished(names, found):
        pass
    return found


def _is_unfinished(names: Sequence[str], found: Checked) -> bool:
    """One process, which adds to what was found; whether it ended before the last filter."""
    found.left_out = []
    loading, wanted = "filterfleet", list(names)
    trying: tuple[str, str | None] | None = None
    question = json.dumps([list(names), found.names])
    with subprocess.Popen([*_COMMAND, question], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            match json.loads(line):
                case ["loading", plugin]:
                    loading = f"plugin {printable(plugin)!r}"
                case ["left out", sentence]:
                    found.left_out.append(sentence)
                case ["wanted", wanted]:
                    pass
                case ["trying", name, plugin]:
                    trying = (name, plugin)
                    found.names.append(name)
                case ["fault", sentence]:
                    found.faults.append(sentence)
                case ["done"]:
                    return False
    how = _told(process.returncode)
    if trying is None:
        found.left_out.append(f"The {loading} ends the program when it is loaded ({how}).")
        return False
    name, plugin = trying
    of = f" of the plugin {printable(plugin)}" if plugin else ""
    found.faults.append(
        f"The filter {name!r}{of} ends the program when it is tried ({how}): it has to raise an Exception, which fails "
        "its image alone."
    )
    return len(found.names) < len(wanted)


def _told(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    names, left_out = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a plugin prints is no answer

    def tell(*answer: Any) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    _check(names, left_out, tell)
    tell("done")


def _check(names: Sequence[str], left_out: Sequence[str], tell: Callable[..., None]) -> None:
    load(lambda plugin: tell("loading", plugin))
    for failure in failures():
        tell("left out", failure)
    wanted = _wanted(names, tell)
    tell("wanted", [found.name for found in wanted])
    for found in wanted:
        if found.name not in left_out:
            tell("trying", found.name, plugin_of(found.name))
            for fault in faults(found):
                tell("fault", fault)


def _wanted(names: Sequence[str], tell: Callable[..., None]) -> list[Filter]:
    known = {found.name: found for found in catalogue()}
    for name in names:
        if name not in known:
            try:
                bind(Step(name))
            except RecipeError as error:  # it says which filter may have been meant
                for problem in error.problems:
                    tell("fault", problem)
    return [found for found in known.values() if (found.name in names if names else not is_shipped(found))]


if __name__ == "__main__":
    main()
