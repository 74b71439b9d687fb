"""`filterfleet listener`: the command of filterfleet.listener.cli, with recipes checked against the filters here."""

from __future__ import annotations

from filterfleet.listener.cli import command
from filterfleet.recipes import check_filter

listener = command(check_filter)
