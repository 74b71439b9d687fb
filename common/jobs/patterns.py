"""The names of output files, as recipes may give them: "{stem}-{width}.{ext}".

A pattern is letters, digits, spaces and a few marks around fields in braces. It ends in ".{ext}" and names its source,
so whatever the source is called, the file lies in the folder of its output, and two sources of one folder share a name
only if their own names differ in the extension alone.
"""

from __future__ import annotations

import re

LONGEST = 100  # characters of a pattern

OF_SOURCE = ("stem", "name")  # the name of the source without its last extension, or with it
OF_OUTPUT = ("width", "height", "ext", "output")
FIELDS = (*OF_SOURCE, *OF_OUTPUT)
_NUMBERS = ("width", "height")

_FIELD = re.compile(r"\{([^{}]*)\}")
_TEXT = re.compile(r"[A-Za-z0-9 ._+,()@=-]*")


def wrong_with(pattern: str) -> str | None:
    """What is wrong with a pattern, a sentence without its full stop; None if nothing is."""
    if not 1 <= len(pattern) <= LONGEST:
        return f"It has to have 1 to {LONGEST} characters"
    texts, names = _FIELD.split(pattern)[::2], _FIELD.findall(pattern)
    if unknown := [name for name in names if name not in FIELDS]:
        return f"There is no field {{{unknown[0]}}}; there are {', '.join(f'{{{name}}}' for name in FIELDS)}"
    if not all(map(_TEXT.fullmatch, texts)):
        return "It may have letters, digits, spaces, - _ . + , ( ) @ = and fields in braces"
    if not pattern.endswith(".{ext}") or names.count("ext") > 1:
        return "It has to end in .{ext}, and have that once"
    if len([name for name in names if name in OF_SOURCE]) != 1:
        return "It has to have {stem} or {name} once, or all images would share one file"
    if any(not between and _may_meet(*pair) for between, *pair in zip(texts[1:], names, names[1:], strict=False)):
        return "Two fields beside each other can give two images one name: put a - or another mark between them"
    if any(_is_digit(texts, number) for number, name in enumerate(names) if name in _NUMBERS):
        return "A digit beside {width} or {height} can give two images one name: put a - or another mark between them"
    return None


def _may_meet(one: str, other: str) -> bool:
    """Whether the border between the values of two fields could be anywhere."""
    return {one, other} & {*_NUMBERS} != set() and "ext" not in (one, other)


def _is_digit(texts: list[str], number: int) -> bool:
    """Whether a digit stands beside a field."""
    return texts[number][-1:].isdigit() or texts[number + 1][:1].isdigit()


def of_output(pattern: str, *, width: int, height: int, extension: str, output: str) -> str:
    """The pattern with everything filled in but what the source says."""
    values = {"width": str(width), "height": str(height), "ext": extension, "output": output}
    return _FIELD.sub(lambda found: values.get(found[1], found[0]), pattern)


def of_source(pattern: str, name: str) -> str:
    """The name of a file: the rest filled in, for a source of this name. What comes from the source is not looked at
    again, so braces in it stay what they are."""
    values = {"name": name, "stem": stem_of(name)}
    return _FIELD.sub(lambda found: values.get(found[1], found[0]), pattern)


def stem_of(name: str) -> str:
    """A name without its last extension."""
    at = name.rfind(".")
    return name[:at] if 0 < at < len(name) - 1 else name


def needs_size(pattern: str) -> bool:
    """Whether the size of the output is part of its name."""
    return any(f"{{{name}}}" in pattern for name in _NUMBERS)


def shares_stems(pattern: str) -> bool:
    """Whether sources that differ in their extension alone get one name."""
    return "{stem}" in pattern
