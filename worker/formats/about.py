"""What filters may know of a file."""

from __future__ import annotations

from collections.abc import Mapping

from filterfleet.common.jobs.recipe import Metadata
from filterfleet.worker.formats.camera import fields
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.metadata import carried, fitting_to
from filterfleet.worker.pixels.image import About


def about(header: Header, source: Mapping[str, str]) -> About:
    """The profiles of its pixels, what the camera has written down, and what is said of the name of the file."""
    kept = carried(header, Metadata.STRIP)
    colour, gray = _of_space(kept.icc, b"RGB "), _of_space(fitting_to(kept, gray=True).icc, b"GRAY")
    return About(colour, gray, {**fields(header.exif), **source})


def _of_space(profile: bytes | None, space: bytes) -> bytes | None:
    return profile if profile is not None and profile[16:20] == space else None
