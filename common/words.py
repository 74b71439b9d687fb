"""What a daemon does now, in words: one sentence for a state, the same in its log, its STATUS=, `status` and the page.

Nothing here reads a clock or asks anybody. Instants are seconds since the epoch, and are shown in UTC, as in the log.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

SILENT = "it does not answer"  # why a peer is cut off from a broker that has not said why
NOBODY = "no worker at all"


class Contact(NamedTuple):
    """A peer's connection to a broker, or to the one of several that it is with. since: when that began. reason: why it
    is cut off."""

    broker: str
    connected: bool
    since: float
    reason: str = ""


class Counts(NamedTuple):
    """Images of a listener, by state."""

    pending: int
    done: int
    failed: int


def moment(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def of_contact(contact: Contact) -> str:
    broker = f"the broker at {contact.broker}"
    if contact.connected:
        return f"Connected to {broker} since {moment(contact.since)}"
    return f"Cut off from {broker} since {moment(contact.since)}: {_inside(contact.reason)}"


def of_counts(counts: Counts) -> str:
    return f"{counts.pending} pending, {counts.done} done, {counts.failed} failed"


def of_waits(waits: Iterable[str]) -> str:
    """What is waited for, and nothing when that is nothing."""
    return "".join(f". Waiting: {wait}" for wait in waits)


def of_listener(contact: Contact, counts: Counts, waits: Iterable[str], *, paused: bool = False) -> str:
    """Everything that a listener does, in one line."""
    held = ". Paused" if paused else ""
    return f"{of_counts(counts)}. {of_contact(contact)}{held}{of_waits(waits)}"


def of_worker(
    contacts: Iterable[Contact], running: int, threads: int, done: int, failed: int, *, draining: bool = False
) -> str:
    """Everything that a worker process does, in one line. running: images that its threads work on."""
    drains = "Finishing what it has begun. " if draining else ""
    work = f"{running} of {threads} threads busy, {done} done, {failed} failed"
    return f"{drains}{work}. {'. '.join(map(of_contact, contacts))}"


def of_broker(
    workers: int,
    threads: int,
    clients: int,
    counts: Counts,
    running: int,
    waits: Iterable[str],
    versions: Iterable[str] = (),
) -> str:
    """Everything that a broker does, in one line. counts.pending: images that wait for a worker. versions: a sentence
    for each peer of another major version."""
    fleet = f"{_number(workers, 'worker')} with {_number(threads, 'thread')}, {_number(clients, 'client')}"
    work = f"{counts.pending} waiting, {running} running, {counts.done} done, {counts.failed} failed"
    strangers = "".join(f". {sentence[:1].upper()}{sentence[1:]}" for sentence in versions)
    return f"{work}. {fleet}{of_waits(waits)}{strangers}"


def of_processes(said: Iterable[tuple[str, str]]) -> str:
    """What the processes of a parent do, from (name, what it says) of each."""
    pairs = [(name, words) for name, words in said if words]
    return pairs[0][1] if len(pairs) == 1 else "; ".join(f"{name}: {words}" for name, words in pairs)


def time_left(counts: Counts, per_minute: float) -> str:
    """Until nothing is pending, at this rate; "" if nobody can say."""
    return duration(60 * counts.pending / per_minute) if counts.pending and per_minute else ""


def duration(seconds: object) -> str:
    """A number of seconds in the two largest units that fit."""
    if not isinstance(seconds, int | float):
        return "?"
    whole = max(0, round(seconds))
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def another_version(who: str, theirs: int, me: str, mine: int) -> str:
    """Two sides that do not understand each other: who speaks one major version of the wire, me another."""
    return f"{who} speaks PPX{theirs}, {me} PPX{mine}: upgrade {me if theirs > mine else who}"


# --- what work waits for ----

# Stands before what a worker can do besides filters, among the names of filters that it tells. No filter's name has it.
ABILITY = "output."
# The abilities that are not called as an option of the recipe, in the words of somebody who has written one.
_IN_WORDS = {ABILITY + "source_name": "texts with {name}, {stem} or {folder}"}


def no_filter(names: Collection[str]) -> str:
    """No worker has these filters and abilities, each of which the work needs."""
    filters, others = _sorted_out(names)
    lacking = [f"has the filter{'s' * (len(filters) > 1)} {_quoted(filters)}"] if filters else []
    if others:
        lacking.append(f"is new enough for {' and '.join(others)}")
    return f"no worker {' and none '.join(lacking)}"


def no_single_worker(names: Collection[str]) -> str:
    """Each of these filters and abilities some worker has, and none has all of them."""
    filters, others = _sorted_out(names)
    parts = [f"the filter{'s' * (len(filters) > 1)} {_quoted(filters)}"] if filters else []
    return f"no single worker has all of these: {' and '.join([*parts, *others])}"


def _sorted_out(names: Collection[str]) -> tuple[list[str], list[str]]:
    """The filters among these names, and the abilities in words."""
    filters = sorted(name for name in names if not name.startswith(ABILITY))
    options = sorted(name.removeprefix(ABILITY) for name in names if name.startswith(ABILITY) and name not in _IN_WORDS)
    others = [f"the output option{'s' * (len(options) > 1)} {_quoted(options)}"] if options else []
    return filters, [*others, *sorted(_IN_WORDS[name] for name in names if name in _IN_WORDS)]


def _quoted(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def no_worker_for(needs: Collection[str], filters: Collection[str], threads: int) -> str:
    """What keeps work that needs these filters from a fleet that has those and this number of threads; "": nothing."""
    if not threads:
        return NOBODY
    missing = frozenset(needs).difference(filters)
    return no_filter(missing) if missing else ""


def of_place(place: str, reason: str) -> str:
    """The source or the output is in trouble. reason is a sentence about one object in it."""
    cannot = {"source": "read", "output": "written"}[place]
    return f"{place} cannot be {cannot}: {_inside(reason.rpartition(': ')[2])}"


# What a listener does before its loop runs.
OPENS_LEDGER = "Opening the ledger"
LOOKS_AT_SOURCE = "Beginning to watch the source"


def no_broker(broker: str) -> str:
    return f"Waiting for the broker at {broker}"


def no_remote(name: str, reason: str) -> str:
    """A listener that cannot begin before a remote can be reached. reason is a sentence."""
    return f"Waiting: the remote {name} cannot be reached: {_inside(reason)}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _inside(sentence: str) -> str:
    """A sentence as a part of another one."""
    text = sentence.removesuffix(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def of_dashboard(address: str, browsers: int) -> str:
    """browsers: those that have the page open; all tabs of one count once."""
    return f"At {address}, {browsers} {'browser has' if browsers == 1 else 'browsers have'} the page open"
