"""Modules that are loaded at the start."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """While modules are imported. Hundreds of them make objects that stay, and the collector, which would look at all
    of these again and again, takes a tenth of the time. Nor does it look at them later."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
