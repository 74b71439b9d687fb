"""rclone's connection strings: NAME,OPTION=VALUE,OPTION="VALUE":PATH, where NAME is a remote's or :BACKEND.

The grammar is that of fs/fspath in rclone 1.75 (https://rclone.org/docs/#connection-strings). A value in quotes may
contain anything, with its own quote doubled. An option without a value is "true".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

HIDDEN = "***"  # stands for the value of a secret option

_NAME = re.compile(r":?[\w.+@]+(?:[ -]+[\w.+@-]+)*(?=[:,])")
_OPTION = re.compile(
    r"""(?P<name>[A-Za-z0-9_.]+)(?:=(?P<value>"(?:[^"]|"")*"|'(?:[^']|'')*'|(?!["'])[^:,]*))?(?P<end>[:,])""", re.DOTALL
)
# Options that hold a secret in one of rclone's backends, or a part of one. Words that are here for no good reason only
# hide a harmless value; a word that is missing puts a secret into the ledger.
_SECRET = re.compile(
    "pass|secret|token|key|credential|authoriz|cookie|sas|mnemonic|otp|2fa|bearer|grant|phrase|connection_string|header"
    "|session|command|signature",
    re.IGNORECASE,
)
_URL_WITH_SECRET = re.compile(r"://[^/]*@|://.*\?", re.DOTALL)  # user and password, or a signature in the query


class NoConnectionError(ValueError):
    """The text begins like a connection string and is none."""


@dataclass(frozen=True, slots=True)
class Option:
    """value is without its quotes; raw is what stands for it in the text, and None without a "="."""

    name: str
    value: str
    raw: str | None

    @property
    def is_secret(self) -> bool:
        if self.raw is None or self.value.lower() in ("", "true", "false", HIDDEN):
            return False
        return bool(_SECRET.search(self.name) or _URL_WITH_SECRET.search(self.value))

    @property
    def secrets(self) -> Iterator[str]:
        """The texts in its value that nobody may see."""
        if self.is_secret:
            yield self.value
        elif (inner := _inner(self.value)) is not None:  # the remote that this one is built on
            yield from inner.secrets

    def masked(self) -> str:
        """The option as it may be shown and kept."""
        if self.is_secret:
            return f"{self.name}={HIDDEN}"
        if (inner := _inner(self.value)) is not None and any(inner.secrets):
            return f"{self.name}={quoted(inner.masked)}"
        return self.name if self.raw is None else f"{self.name}={self.raw}"


@dataclass(frozen=True, slots=True)
class Connection:
    """name is a remote's, or begins with a colon and is a backend's."""

    name: str
    options: tuple[Option, ...]
    path: str

    @property
    def secrets(self) -> Iterator[str]:
        for option in self.options:
            yield from option.secrets

    @property
    def masked(self) -> str:
        """The same text with HIDDEN in place of each secret. Two stores that differ only in secrets have the same."""
        return f"{','.join((self.name, *(option.masked() for option in self.options)))}:{self.path}"


def parse_connection(text: str) -> Connection | None:
    """None for the path of a local folder. Raises NoConnectionError."""
    found = _NAME.match(text)
    if found is None:
        return None
    options: list[Option] = []
    position = found.end()
    while text[position] == ",":
        option = _OPTION.match(text, position + 1)
        if option is None:
            if _may_be_local(text, position + 1):
                return None
            raise NoConnectionError
        raw = option["value"]
        options.append(Option(option["name"], "true" if raw is None else _unquoted(raw), raw))
        position = option.end() - 1
    return Connection(found[0], tuple(options), text[position + 1 :])


def _may_be_local(text: str, comma: int) -> bool:
    """Whether a text that is no connection string can be the path of a local folder with a comma in its name."""
    before_slash = text[comma:].partition("/")[0]
    return ":" not in text or (not text.startswith(":") and not {":", "="} & set(before_slash))


def _unquoted(raw: str) -> str:
    return raw[1:-1].replace(2 * raw[0], raw[0]) if raw[:1] in ('"', "'") else raw


def _inner(value: str) -> Connection | None:
    try:
        return parse_connection(value)
    except NoConnectionError:
        return None


def quoted(value: str) -> str:
    """A value as a connection string can hold it: in quotes if it needs them."""
    if not value or value[0] in "\"'" or {":", ","} & set(value):
        return '"' + value.replace('"', '""') + '"'
    return value


def mask(text: str) -> str:
    """A place as a user writes it, without its secrets."""
    try:
        connection = parse_connection(text)
    except NoConnectionError:
        return f"{text.partition(',')[0]},{HIDDEN}"
    return text if connection is None else connection.masked
