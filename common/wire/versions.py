"""What a peer knows of the version that its broker speaks, if it is not ours."""

from __future__ import annotations

from filterfleet.common.wire.messages import MAJOR
from filterfleet.common.words import another_version


class Versions:
    """Of one socket at a time. role: what the peer is, for people."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._address = ""
        self._met = False
        self._refusal: str | None = None

    def opened(self, address: str) -> None:
        """There is a new socket to this ZeroMQ address."""
        self._address = address.removeprefix("tcp://")
        self._met, self._refusal = False, None

    def met(self, major: int) -> None:
        """The broker speaks another major version."""
        if not self._met:
            self._met = True
            who = f"the broker at {self._address}"
            sentence = another_version(who, major, f"this {self._role}", MAJOR)
            self._refusal = f"{sentence[0].upper()}{sentence[1:]}."

    def refusal(self) -> str | None:
        """What is wrong with the broker, once."""
        refusal, self._refusal = self._refusal, None
        return refusal
