"""One error tree. Each message is a sentence its reader can act on."""

from __future__ import annotations


class FleetError(Exception):
    """Base of every error this system raises on purpose; its text is shown to the user as it is."""

    exit_code = 2


class InterruptedRunError(FleetError):
    """A run that was to end by itself was stopped before its work was done."""

    exit_code = 130


class SourceChangedError(FleetError):
    """The image file is no longer what it was when its job began: look at it again."""


class ProtocolError(FleetError):
    """The peer sent frames that are no message of the protocol. Counted and dropped, never fatal."""


class FloodError(ProtocolError):
    """The peer sends a message of more frames than it is worth reading to its end."""


class RecipeError(FleetError):
    """A recipe names something that does not exist or is out of range. One sentence, and one line, a problem."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ImageError(FleetError):
    """This image cannot be processed, now or later: damaged, unsupported or over a limit."""
