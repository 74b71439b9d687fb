"""Orders as JSON, and back. Names that are not valid UTF-8 are kept, as surrogates."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from filterfleet.common.errors import FleetError
from filterfleet.listener.core.order import ConfirmRemovals, Order, Pause, Prune, Redo, Resume, Retry

_KINDS: dict[str, Callable[..., Order]] = {
    "retry": Retry,
    "redo": Redo,
    "confirm-removals": ConfirmRemovals,
    "prune": Prune,
    "pause": Pause,
    "resume": Resume,
}


def to_json(order: Order) -> bytes:
    name = next(name for name, kind in _KINDS.items() if kind is type(order))
    return json.dumps({"order": name, **asdict(order)}).encode()


def from_json(text: bytes) -> Order:
    """Raises FleetError for anything that to_json() does not make."""
    try:
        fields = json.loads(text)
        kind = _KINDS[fields.pop("order")]
        return kind(**{name: _CHECKS[name](value) for name, value in fields.items()})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise FleetError("This version of filterfleet does not know this order.") from None


def _paths(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(path, str) for path in value):
        raise TypeError
    return tuple(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _instant(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)


_CHECKS = {"paths": _paths, "everything": _flag, "reason": _text, "before": _instant}
