"""The short name of a job, by which people follow an image through all daemons."""

from __future__ import annotations

import re

SHORT = 12  # hexadecimal digits: two of a million jobs share theirs once in 500 ledgers
LEAST = 6  # digits of a prefix that a command takes for the id of a job

_PREFIX = re.compile(f"[0-9a-fA-F]{{{LEAST},}}")


def short_id(job: bytes) -> str:
    """The first SHORT hexadecimal digits of a job's id: those of the image's sha256, so copies of an image share it."""
    return job[: SHORT // 2].hex()


def id_prefix(text: str) -> str | None:
    """The beginning of a job's id in hexadecimal, as the ledger has it; None for what can be no such thing."""
    return text.lower() if _PREFIX.fullmatch(text) else None
