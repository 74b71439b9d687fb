"""A folder of keys: what it is good for, and whether others can get at it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import BROKER, SECRET, Role, allow_list, broker_pair, has_secret, peer_keys
from filterfleet.common.text import printable
from filterfleet.doctor.finding import Finding, ok, problem, warning

CHECK = "keys"


def check_keys(folder: Path) -> Iterator[Finding]:
    told: set[Finding] = set()  # what is wrong with the folder itself comes with each key in it
    for finding in _keys_in(folder):
        if finding not in told:
            yield finding
        told.add(finding)


def _keys_in(folder: Path) -> Iterator[Finding]:
    found = 0
    try:
        os.listdir(folder)
    except OSError as error:
        yield problem(
            CHECK,
            f"The key folder {printable(str(folder))} cannot be read: {error.strerror}.",
            "Name the right one with --keys, and run doctor as the user who runs the daemon.",
        )
        return
    if os.path.lexists(folder / (BROKER + SECRET)):
        found += 1
        yield from _broker(folder)
    for role in Role:
        if has_secret(folder, role):
            found += 1
            try:
                peer_keys(folder, role)
            except FleetError as error:
                yield problem(CHECK, str(error))
            else:
                yield ok(CHECK, f"The key of a {role.value} in {printable(str(folder))} can be used.")
    if not found:
        yield problem(
            CHECK,
            f"{printable(str(folder))} has no secret key.",
            "Make keys on the broker's machine with `filterfleet keys`, and copy this machine's folder here.",
        )


def _broker(folder: Path) -> Iterator[Finding]:
    try:
        broker_pair(folder)
        lists = {role: allow_list(folder, role) for role in Role}
    except FleetError as error:
        yield problem(CHECK, str(error))
        return
    for told in lists.values():
        yield from (warning(CHECK, says) for says in told.problems)
    counts = {role: len(told.names) for role, told in lists.items()}
    count = " and ".join(f"{number} {role.value}{'s' * (number != 1)}" for role, number in counts.items())
    yield ok(CHECK, f"The keys of a broker in {printable(str(folder))} can be used; it lets in {count}.")
