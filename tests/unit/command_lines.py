"""Command lines of filterfleet in texts: found, and parsed by the command's own parser without running anything."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from typing import Any

import typer

from filterfleet.app import app
from filterfleet.common.process.lazy import LazyCommand

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_INDENTED = re.compile(r"(?:^    .*\n?)+", re.MULTILINE)
_SPAN = re.compile(r"`(filterfleet [^`]+)`")
# At the beginning of a line or behind another command, with sudo or an assignment before it; or as an argument of a
# program that starts it, such as `docker run`, where the next word has to be a command for it to count.
_BEFORE = r"(?:^|&&|[;|(]|\$)\s*(?:sudo\s(?:-u\s\S+\s)?|\w+=\S*\s+)*(?:/\S+/)?"
_PROGRAM = re.compile(rf"(?P<alone>{_BEFORE})?\bfilterfleet(?=\s+[a-z-])")
_SHELLS = ("", "sh", "bash", "console")
_LEFT_OUT = "…"  # a line that shows only a part of a command


class UnparsableError(Exception):
    """A sentence."""


def commands_in(page: str) -> Iterator[str]:
    """The command lines in the blocks of a Markdown page, each in one line, from `filterfleet` on."""
    blocks = [body for kind, body in _FENCE.findall(page) if kind in _SHELLS]
    for text in (*blocks, *_INDENTED.findall(_FENCE.sub("", page))):
        for line in text.replace("\\\n", " ").splitlines():
            for found in _PROGRAM.finditer(line.partition(" # ")[0]):
                command = line[found.end() - len("filterfleet") :]
                if _LEFT_OUT not in line and (found["alone"] is not None or _exists(command)):
                    yield command


def mentions_in(page: str) -> Iterator[str]:
    """The commands that the text of a Markdown page speaks of, perhaps without what they need."""
    for span in _SPAN.findall(_COMMENT.sub("", _FENCE.sub("", page))):
        if _LEFT_OUT not in span:
            yield " ".join(span.split())


def words_of(line: str) -> list[str]:
    """The words behind `filterfleet`, up to a comment or to what a shell does next."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    words = list(lexer)
    end = next((at for at, word in enumerate(words) if word and set(word) <= set(";&|<>")), len(words))
    return words[1:end]


def parse(words: list[str], *, whole: bool = True) -> None:
    """Raises UnparsableError when the command, an option or the value of one does not exist; and, if it is whole, when
    something is missing."""
    command: Any = _application()
    context = command.context_class(command, info_name="filterfleet")
    path = ["filterfleet"]
    while hasattr(command, "get_command"):
        if not words or words[0].startswith("-"):
            break
        try:
            name, found, words = command.resolve_command(context, words)
        except Exception as error:
            raise UnparsableError(f"{' '.join(path)}: {_sentence(error)}") from None
        path.append(name)
        command = _loaded(tuple(path), found)
        context = command.context_class(command, context, info_name=name, **command.context_settings)
    if complaint := _complaint(command, context, words, whole=whole):
        raise UnparsableError(f"{' '.join(path)}: {complaint}")


def _complaint(command: Any, context: Any, words: list[str], *, whole: bool) -> str:
    """What the command's parser says; nothing if the words are in order."""
    try:
        values, rest, _ = command.make_parser(context).parse_args(args=list(words))
        for parameter in command.params:
            if parameter.name in values and parameter.callback is None:
                parameter.process_value(context, values[parameter.name])
    except Exception as error:
        said = _sentence(error)
        return "" if type(error).__name__ == "MissingParameter" and not whole else said
    return f"it does not take {' '.join(rest)}" if rest and not context.allow_extra_args else ""


def _sentence(error: Exception) -> str:
    """What a parser complains of. Anything else is raised again."""
    if not hasattr(error, "format_message"):  # Typer's own copy of Click has no public name
        raise error
    return str(error.format_message())


def _exists(command: str) -> bool:
    return command.split()[1] in _application().commands


@functools.cache
def _application() -> Any:
    return typer.main.get_group(app)


_known: dict[tuple[str, ...], Any] = {}


def _loaded(path: tuple[str, ...], command: Any) -> Any:
    if path not in _known:
        _known[path] = command.load() if isinstance(command, LazyCommand) else command
    return _known[path]
