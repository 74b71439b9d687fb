"""Where the secrets in a connection string go: into the environment of an rclone process, and into no argument or log.

Every user of a machine can read the arguments of all processes; the environment of a process, only its own user.
"""

from __future__ import annotations

import contextlib
import json
import re
from urllib.parse import quote, urlsplit

from filterfleet.listener.settings.connection import HIDDEN, Connection, NoConnectionError, parse_connection

LISTED = "filterfleet_listed"  # what a backend without a configuration is called in the environment of its process

# Characters of the shortest secret that is looked for in texts. With fewer, common words and numbers in a log would be
# taken for secrets; with more, short passwords would stay in it.
SHORTEST = 4


def connection_of(fs: str) -> Connection | None:
    """None for a local folder, and for a text that rclone would not understand."""
    try:
        return parse_connection(fs)
    except NoConnectionError:
        return None


def arguments_of(fs: str) -> tuple[str, dict[str, str]]:
    """A name for the folder fs that has no options in it, and the environment in which rclone knows it by that name.

    A process with this environment must only be asked for this folder: global options apply to all that it does.
    """
    connection = connection_of(fs)
    if connection is None or not connection.options:
        return fs, {}
    backend = connection.name.startswith(":")
    name = LISTED if backend else connection.name
    section = f"RCLONE_CONFIG_{name.upper()}_"
    environment = {f"{section}TYPE": connection.name[1:]} if backend else {}
    for option in connection.options:
        scope, _, setting = option.name.rpartition(".")  # global.SETTING and override.SETTING are flags of rclone
        environment[f"RCLONE_{setting.upper()}" if scope else f"{section}{option.name.upper()}"] = option.value
    return f"{name}:{connection.path}", environment


class Secrets:
    """The secrets of all places that were named so far. Any thread may use it."""

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, fs: str) -> None:
        if "," not in fs or (connection := connection_of(fs)) is None:
            return
        found = {form for secret in connection.secrets for form in _forms(secret) if len(form) >= SHORTEST}
        if not found <= self._known:
            self._known |= found
            longest_first = sorted(self._known, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def hide(self, text: str) -> str:
        """The text without the secrets."""
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)


def _forms(secret: str) -> list[str]:
    """A secret as rclone may write it: alone, inside a connection string, in Go's or JSON's quotes, in a URL."""
    in_quotes = json.dumps(secret, ensure_ascii=False)[1:-1]
    in_json = "".join(f"\\u{ord(c):04x}" if c in "<>&" else c for c in in_quotes)
    forms = [secret, in_quotes, in_json, quote(secret), quote(secret, safe="")]
    forms += [form.replace(mark, 2 * mark) for form in (secret, in_quotes) for mark in "'\""]
    if "://" in secret:
        with contextlib.suppress(ValueError):  # it only looks like a URL
            url = urlsplit(secret)
            forms += [url.password or "", url.query]
    return forms
