"""Pictures in terminals that can show them."""

from __future__ import annotations

import base64
from collections.abc import Mapping

_PART = 4096  # characters of one escape sequence of kitty

_ITERM = ("iTerm.app", "WezTerm")


def picture_in(png: bytes, environment: Mapping[str, str]) -> str | None:
    """What shows this picture when it is written to the terminal of this environment; None if nothing is known to.

    Protocols: https://sw.kovidgoyal.net/kitty/graphics-protocol/ and https://iterm2.com/documentation-images.html.
    """
    data = base64.b64encode(png).decode()
    if "TMUX" in environment or environment.get("TERM", "").startswith("screen"):
        return None  # they pass such sequences on only when they are told to
    if environment.get("TERM") in ("xterm-kitty", "xterm-ghostty") or "KITTY_WINDOW_ID" in environment:
        parts = [data[at : at + _PART] for at in range(0, len(data), _PART)]
        last = len(parts) - 1
        return (
            "".join(
                f"\x1b_G{'a=T,f=100,' if number == 0 else ''}m={int(number < last)};{part}\x1b\\"
                for number, part in enumerate(parts)
            )
            + "\n"
        )
    if environment.get("TERM_PROGRAM") in _ITERM:
        return f"\x1b]1337;File=inline=1;size={len(png)};preserveAspectRatio=1:{data}\x07\n"
    return None
