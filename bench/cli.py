"""`filterfleet bench compare`."""

from __future__ import annotations


def compare() -> None:
    pass
