"""The file that `filterfleet run --report` writes: JSON for programs, CSV for spreadsheets."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filterfleet.common.errors import FleetError
from filterfleet.common.text import finite, json_text, printable
from filterfleet.listener.ledger.ledger import REPORT

# A spreadsheet computes a cell that begins with one of these, some of them also behind blanks
# (https://owasp.org/www-community/attacks/CSV_Injection). The apostrophe is here because we mark such cells with one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")


def check_report(file: Path) -> None:
    """Find now, and not after hours of work, that the report cannot be written. Raises FleetError."""
    if file.suffix not in (".json", ".csv"):
        raise FleetError(f"The report {file} has to end in .json or .csv.")
    if not file.parent.is_dir():
        raise FleetError(f"The report {file} cannot be written: there is no folder {file.parent}.")
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise FleetError(f"The report {file} cannot be written.")


def write_report(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows, which have the fields of REPORT. Raises FleetError."""
    try:
        with file.open("w", encoding="utf-8", newline="") as target:
            if file.suffix == ".json":
                target.write(json_text(rows, indent=1))
            else:
                csv.writer(target).writerow(REPORT)
                cells = csv.writer(target, quoting=csv.QUOTE_NONNUMERIC)
                cells.writerows([csv_cell(row[field]) for field in REPORT] for row in rows)
    except OSError as error:
        raise FleetError(f"The report {file} cannot be written: {error.strerror}.") from None


def csv_cell(value: Any) -> Any:
    """A value that a spreadsheet only shows. A text that it would compute gets an apostrophe before it, and so does a
    text that begins with an apostrophe: without its first apostrophe, such a cell is the text again."""
    if not isinstance(value, str):
        return finite(value)
    shown = printable(value)
    return f"'{shown}" if shown.lstrip(" ").startswith(_FORMULA) else shown
