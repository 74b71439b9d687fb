"""What filters may know of a file."""

from __future__ import annotations

from filterfleet.common.jobs.recipe import Metadata
from filterfleet.worker.formats.camera import fields
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.metadata import carried, fitting_to
from filterfleet.worker.pixels.image import About


def about(header: Header) -> About:
    """The profiles of its pixels, and what the camera has written down."""
    kept = carried(header, Metadata.STRIP)
    return About(_of_space(kept.icc, b"RGB "), _of_space(fitting_to(kept, gray=True).icc, b"GRAY"), fields(header.exif))


def _of_space(profile: bytes | None, space: bytes) -> bytes | None:
    return profile if profile is not None and profile[16:20] == space else None
