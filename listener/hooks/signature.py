"""How a receiver knows that an event comes from us and is not an old one that somebody sends again.

The scheme is Stripe's: HMAC-SHA256 of the time, a dot and the body, and the time beside it.
"""

from __future__ import annotations

import hashlib
import hmac

HEADER = "Filterfleet-Signature"


def signature(secret: bytes, now: int, body: bytes) -> str:
    """The header's value. now is in seconds since the epoch."""
    digest = hmac.new(secret, b"%d." % now + body, hashlib.sha256).hexdigest()
    return f"t={now},v1={digest}"
