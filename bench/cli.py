"""`filterfleet bench compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare() -> None:
    pass
