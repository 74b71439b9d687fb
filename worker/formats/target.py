"""How an output is stored."""

from __future__ import annotations

from dataclasses import dataclass

from filterfleet.common.jobs.output_options import NO_OPTIONS, Options


@dataclass(frozen=True, slots=True)
class Target:
    """How to store an image. quality, 1 to 100, is for JPEG, WebP and AVIF. effort goes from 0 (fast) to 9 (small);
    None leaves it to the format. Of the options, a format takes those that it knows. source is the SHA-256 of the file
    that the image comes from, in hexadecimal, by which IIIF calls the image, with common.jobs.sourced.mark() behind it
    where its name is written on it.
    """

    format: str
    quality: int = 90
    effort: int | None = None
    options: Options = NO_OPTIONS
    source: str = ""
