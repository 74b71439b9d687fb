"""Whatever a file makes a decoder or a parser do, its user gets one sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from filterfleet.common.errors import FleetError, ImageError
from filterfleet.common.logs import get_logger
from filterfleet.worker.formats.damage import DamagedHeader
from filterfleet.worker.pixels.vips import pyvips

log = get_logger("worker")


@contextlib.contextmanager
def told(image_format: str) -> Iterator[None]:
    """Exceptions that nobody here expects become an ImageError, and one line in the log. Those that callers handle
    pass: FleetError, MemoryError, OSError, pyvips.Error and DamagedHeader.
    """
    try:
        yield
    except (FleetError, MemoryError, OSError, pyvips.Error, DamagedHeader):
        raise
    except Exception as error:  # noqa: BLE001 - files are hostile, and no list of exceptions is complete
        name = type(error).__name__
        log.warning("a file cannot be read", format=image_format, error=f"{name}: {error}"[:200])
        raise ImageError(f"The {image_format.upper()} file cannot be read: its decoder failed ({name}).") from None
