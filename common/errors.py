"""One error tree. Each message is a sentence that its reader can act on."""

from __future__ import annotations


class FleetError(Exception):
    """Base of every error that this system raises on purpose. Its text is shown to the user as it is."""

    exit_code = 2


class InterruptedRunError(FleetError):
    """A run that ends by itself was stopped before its work was done."""

    exit_code = 130


class SourceChangedError(FleetError):
    """The image file has changed since its job began: look at it again."""


class ProtocolError(FleetError):
    """The peer sent frames that are not a message of the protocol. They are counted and dropped, and never fatal."""


class FloodError(ProtocolError):
    """The peer sends a message with more frames than can be read in a reasonable time."""


class RecipeError(FleetError):
    """A recipe names something that does not exist or is out of range. Each problem is a sentence on a line of its
    own."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ImageError(FleetError):
    """This image is damaged, unsupported or over a limit, and cannot be processed now or later."""


class FilterError(FleetError):
    """A filter breaks a promise that filters make. Its author has to mend that; the image is not to blame."""
