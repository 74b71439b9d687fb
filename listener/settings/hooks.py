"""Whom a listener tells what has happened: the addresses and programs that a user names, and which events they get."""

from __future__ import annotations

import enum
import shlex
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from filterfleet.common.errors import FleetError
from filterfleet.common.keys.trust import read_secret
from filterfleet.common.text import printable
from filterfleet.listener.settings.hints import read_token
from filterfleet.listener.settings.secrets import FILE, masked_address


class Kind(enum.StrEnum):
    """What can happen. The values are part of the contract with receivers."""

    DONE = "image.done"
    FAILED = "image.failed"
    BATCH = "batch.done"


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that gets events by POST. secret: what they are signed with; None if they are not."""

    url: str
    secret: bytes | None

    @property
    def key(self) -> str:
        """What tells this receiver from others."""
        return self.url

    @property
    def shown(self) -> str:
        """The address as it may be shown."""
        return masked_address(self.url)


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is started for each event."""

    argv: tuple[str, ...]

    @property
    def key(self) -> str:
        return shlex.join(self.argv)

    @property
    def shown(self) -> str:
        """Without its arguments, which may hold a secret."""
        return printable(self.argv[0])


Receiver = Webhook | Program


@dataclass(frozen=True, slots=True)
class HookOptions:
    receivers: tuple[Receiver, ...]
    kinds: frozenset[Kind]


def parse_hooks(webhooks: Iterable[str], secret_file: Path | None, programs: Iterable[str], events: str) -> HookOptions:
    """What a user says with --webhook, --webhook-secret-file, --exec-hook and --hook-events. Raises FleetError."""
    secret = None if secret_file is None else read_token(secret_file, "secret")
    receivers: list[Receiver] = [Webhook(_url(text), secret) for text in webhooks]
    receivers += [Program(_argv(text)) for text in programs]
    if secret is not None and not any(isinstance(receiver, Webhook) for receiver in receivers):
        raise FleetError("--webhook-secret-file signs what goes to a --webhook, and there is none.")
    keys = [receiver.key for receiver in receivers]
    for receiver in receivers:
        if keys.count(receiver.key) > 1:
            raise FleetError(f"The hook {receiver.shown} is there twice.")
    return HookOptions(tuple(receivers), parse_kinds(events))


def parse_kinds(text: str) -> frozenset[Kind]:
    """Names with commas between them. Raises FleetError."""
    names = [name.strip() for name in text.split(",")]
    known = [kind.value for kind in Kind]
    for name in names:
        if name not in known:
            raise FleetError(f"{printable(name)!r} is no event for --hook-events: there are {', '.join(known)}.")
    return frozenset(map(Kind, names))


def _url(text: str) -> str:
    if text.startswith(FILE):
        file = Path(text.removeprefix(FILE))
        try:
            text = read_secret(file).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise FleetError(f"The address in {printable(str(file))} cannot be read: {reason}.") from None
        shown = f"The address in {printable(str(file))}"
    else:
        shown = "The address of a --webhook"
    try:
        parts = urlsplit(text)
        complete = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        complete = None
    if not complete or not text.isascii() or not text.isprintable() or " " in text:
        raise FleetError(f"{shown} is no URL such as https://example.org/hooks/images.")
    if "@" in urlsplit(text).netloc:
        raise FleetError(f"{shown} has a user in it: sign what is sent with --webhook-secret-file instead.")
    return text


def _argv(text: str) -> tuple[str, ...]:
    try:
        argv = tuple(shlex.split(text))
    except ValueError as error:
        raise FleetError(f"The command of an --exec-hook cannot be split into words: {error}.") from None
    if not argv:
        raise FleetError("The command of an --exec-hook is empty.")
    if (found := shutil.which(argv[0])) is None:
        raise FleetError(f"There is no program {printable(argv[0])} for an --exec-hook, or it cannot be executed.")
    return (str(Path(found).absolute()), *argv[1:])
