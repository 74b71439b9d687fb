"""What the core asks its shell to do. The order of a list of actions is the order of execution."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from filterfleet.common.wire import Message, Payload


class Side(enum.Enum):
    FRONTEND = "frontend"  # clients
    BACKEND = "backend"  # workers


@dataclass(frozen=True, slots=True)
class Send:
    """Send a PPX message. The shell may put several for one peer into one multipart message."""

    side: Side
    peer: bytes
    message: Message


@dataclass(frozen=True, slots=True)
class SendFrames:
    """Send frames of RFC 6/PPP as they are, behind the routing id."""

    side: Side
    peer: bytes
    frames: tuple[Payload, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """Log something that an operator may want to read. level is info or warning. limited: when there are too
    many of an event, some are left out."""

    event: str
    fields: Mapping[str, object]
    level: str = "info"
    limited: bool = True


Action = Send | SendFrames | Note
