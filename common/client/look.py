"""Whether the client's thread looks for acknowledgements by itself, so that nobody has to wake it for them."""

from __future__ import annotations

from filterfleet.common.client.settings import HOLD


class Look:
    """The look that comes HOLD seconds after the latest delivery, as long as acknowledgements come as soon as that.

    coming: there will be one. Other threads read it after they have left an acknowledgement. Instants are of one
    monotonic clock.
    """

    def __init__(self) -> None:
        self.coming = False
        self._at = float("-inf")
        self._worth = True  # whether the look before has found some, or some have come within HOLD seconds after it

    def delivering(self) -> None:
        """Outcomes are about to be handed over."""
        self.coming = self._worth

    def delivered(self, now: float) -> None:
        self._at = now + HOLD

    def found(self, now: float, *, some: bool) -> None:
        """Whether acknowledgements are there now."""
        if some:
            self._worth = now < self._at + HOLD
        elif self.coming and now >= self._at:
            self._worth = False

    def deadline(self, now: float) -> float:
        """The instant of the look; infinite if there will be none."""
        self.coming = self._worth and now < self._at
        return self._at if self.coming else float("inf")
