"""Options that may hold a secret, as anybody may see them."""

from __future__ import annotations

from urllib.parse import urlsplit

from filterfleet.common.text import printable
from filterfleet.listener.settings.connection import HIDDEN

FILE = "@"  # before the name of a file that holds an address


def masked_address(text: str) -> str:
    """A webhook's: its path and query often hold a secret. The name of a file that holds one is no secret."""
    if text.startswith(FILE):
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        return HIDDEN
    return printable(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/...")


def masked_command(text: str) -> str:
    """A program without its arguments."""
    program, *arguments = text.split(maxsplit=1)[:2] or [""]
    return printable(f"{program} ..." if arguments else program)
