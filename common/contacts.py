"""What a peer's log says about its connection to a broker: admitted, lost, regained, or never answered. Pure state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from filterfleet.common.words import Contact

# Seconds without a first answer after which the log says so. More forgives a broker that starts later; less says sooner
# that the address is wrong.
PATIENCE = 5.0


class Line(NamedTuple):
    """For a log: level, event and fields."""

    level: str
    event: str
    fields: Mapping[str, Any]


class ContactLog:
    """Look at each contact, in order, however often; each change is told once."""

    def __init__(self, contact: Contact) -> None:
        self._last = contact
        self._met = False  # the broker has answered at least once
        self._complained = False
        self._lost_at = contact.since

    def look(self, contact: Contact, now: float) -> list[Line]:
        """now: in seconds since the epoch, as the instants of a contact."""
        before, self._last = self._last, contact
        if contact.connected and not (before.connected and contact.since == before.since):
            return self._connected(before, contact)
        if before.connected and not contact.connected:
            self._lost_at = contact.since
            return [Line("warning", "broker lost", {"broker": contact.broker, "reason": contact.reason})]
        silent = not self._met and now - contact.since >= PATIENCE
        if silent and not (contact.connected or self._complained):
            self._complained = True
            return [Line("warning", "broker does not answer", {"broker": contact.broker, "reason": contact.reason})]
        return []

    def _connected(self, before: Contact, contact: Contact) -> list[Line]:
        if not self._met:
            self._met = True
            return [Line("info", "broker connected", {"broker": contact.broker})]
        lines = []
        if before.connected:  # it was lost and came back between two looks
            self._lost_at = contact.since
            lines = [Line("warning", "broker lost", {"broker": before.broker, "reason": "another connection"})]
        seconds = round(contact.since - self._lost_at, 1)
        return [*lines, Line("info", "broker regained", {"broker": contact.broker, "cut_off": seconds})]
