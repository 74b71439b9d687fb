"""The colours of the page: whatever is written can be read, light and dark (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

import re

import pytest

from filterfleet.dashboard.app import static_files

CSS = static_files()["css/base.css"].decode()
LEAST = 4.5  # of the contrast between small letters and their ground
GROUNDS = ("bg", "card", "sunk")
# Letters, and what they stand on.
WRITTEN = [
    *((letters, ground) for letters in ("ink", "soft", "faint") for ground in GROUNDS),
    *((kind, ground) for kind in ("ok", "bad", "warn", "accent") for ground in (f"{kind}-bg", "card")),
    ("card", "accent"),
    ("card", "bad"),
    ("bg", "ink"),
]


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", block))


LIGHT, DARK = (colours(CSS[CSS.index(head) :].partition("}")[0]) for head in (":root {", ':root[data-theme="dark"] {'))


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("letters", "ground"), WRITTEN)
def test_letters_stand_out(theme, letters, ground):
    dark, light = sorted(luminance(theme[name]) for name in (letters, ground))
    assert (light + 0.05) / (dark + 0.05) >= LEAST
