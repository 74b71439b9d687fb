"""What a client knows of the brokers that it was given: which one it is with, and why others do not let it in."""

from __future__ import annotations

import threading
import time

from filterfleet.common.client.brokers import shown_address
from filterfleet.common.client.settings import QUIET
from filterfleet.common.logs import get_logger
from filterfleet.common.ratelimit import RateLimit
from filterfleet.common.words import SILENT, Contact

log = get_logger("client")


class Reach:
    """The client's own thread changes it; any thread may read it. contact: the broker that the client is with, or all
    of them while none answers.
    """

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses
        self._address = ""  # the one of these that the socket is connected to
        self._refused: dict[str, str] = {}  # why, by the address of each broker that does not let us in
        self._lines = RateLimit(1, QUIET)
        self._answered = threading.Event()  # by the broker that the socket is connected to
        self.contact = self._contact(addresses, connected=False, reason=SILENT)

    def goes_to(self, broker: int) -> str:
        """The address of the broker with this number, to which a socket is about to connect."""
        self._answered.clear()
        self._address = self._addresses[broker]
        return self._address

    def greeted(self) -> None:
        """The broker has answered, and so it lets us in."""
        self._refused.pop(self._address, None)
        self._answered.set()

    def refused(self, reason: str, now: float) -> None:
        """The broker does not let us in. This may be a line of the log."""
        first = self._address not in self._refused
        self._refused[self._address] = reason
        if not self.contact.connected:
            self.contact = self.contact._replace(reason=reason)
        # require_broker() tells the first refusal of the only broker.
        if (len(self._addresses) > 1 or not first) and self._lines.admit(("refused", self._address), now):
            log.warning("refused", broker=shown_address(self._address), reason=reason)

    def note(self, *, connected: bool) -> None:
        """The broker has come or gone."""
        if connected:
            self.contact = self._contact([self._address], connected=True)
        else:
            reason = self._refused.get(self._address, SILENT)
            self.contact = self._contact(self._addresses, connected=False, reason=reason)

    @property
    def answered(self) -> bool:
        """Whether the broker that the socket is connected to has answered."""
        return self._answered.is_set()

    def wait(self, timeout: float) -> bool:
        """Whether a broker has answered within timeout seconds."""
        return self._answered.wait(timeout)

    @property
    def refusal(self) -> str | None:
        """Why no broker lets us in, while all of them refuse."""
        return self.refusals if len(self._refused) == len(self._addresses) else None

    @property
    def refusals(self) -> str:
        """Why some brokers do not let us in: one sentence a line."""
        return "\n".join(self._refused.values())

    @staticmethod
    def _contact(addresses: list[str], *, connected: bool, reason: str = "") -> Contact:
        return Contact(", ".join(map(shown_address, addresses)), connected, time.time(), reason)
