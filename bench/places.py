"""Where the outputs of a photograph lie, under the default recipe."""

from __future__ import annotations

from filterfleet.common.jobs.names import format_of_name, output_path
from filterfleet.common.jobs.recipe import DEFAULT, SAME


def places(name: str) -> list[str]:
    """Paths below the output folder, for a photograph of this name."""
    own = format_of_name(name) or ""
    return [output_path(one.name, name, own if one.encoding == SAME else one.encoding) for one in DEFAULT.outputs]
