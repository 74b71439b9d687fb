"""Sizes as people write and read them, and texts that others have chosen."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterfleet.common.text import finite, json_text, one_line, parse_size, printable, size_text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500M", 500 << 20),
        ("2G", 2 << 30),
        ("1.5 GiB", 3 << 29),
        ("64mb", 64 << 20),
        ("1024", 1024),
        ("3k", 3072),
        ("", None),
        ("-1G", None),
        ("G", None),
        ("1 gig", None),
        ("9999999T", None),
        ("9" * 400, None),
        ("\u0661G", None),
    ],
)
def test_sizes_are_read(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 MiB"), (1, "1 MiB"), (256 << 20, "256 MiB"), (3 << 29, "1.5 GiB"), (1 << 40, "1024.0 GiB")],
)
def test_sizes_are_shown(size, text):
    assert size_text(size) == text


# --- text that others have chosen ----

HOSTILE = {
    "colour": "\x1b[31mred",
    "title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;cm0gLXJm\x1b\\",
    "link": "\x1b]8;;http://x\x1b\\click",
    "one octet for two": "\x9b31m\x9d0;owned\x9c",
    "line": "a\nfailed b.jpg: forged",
    "lines of Unicode": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "return": "harmless\rforged",
    "backspace": "harmless\b\b\b\b\b\b\b\bforged",
    "right to left": "photo\u202egpj.exe",
    "isolates": "\u2066a\u2067b\u2068c\u2069",
    "invisible": "a\u200bb\u200cc\u200dd\u2060e\ufefff\u3164g\u115fh",
    "tags": "a\U000e0041",
    "not UTF-8": "a\udcff\udc9b",
    "a lone surrogate": "a\ud800b\udfff",
    "delete and nul": "a\x7f\x00",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_in_a_text_controls_a_terminal_or_hides(text):
    for shown in (printable(text), one_line(text)):
        assert shown.isprintable()
        assert not set(shown) & set("\u3164\u115f")
        shown.encode()
        assert printable(shown) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_can_be_shown_and_is_escaped_once(text):
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
    assert len(one_line(text, 20)) <= 20


def test_what_is_readable_stays_as_it_is():
    for text in ("a b.jpg", "é中文", "C:\\x1b", "[bold]x[/bold] :heart:", "I \u2764\ufe0f it"):
        assert printable(text) == one_line(text) == text


def test_a_sentence_is_bounded_and_keeps_both_ends():
    shown = one_line("begin " + "x" * 10_000_000 + " end", 40)
    assert len(shown) == 40
    assert shown.startswith("begin x")
    assert "..." in shown


@given(st.recursive(st.none() | st.floats() | st.text(st.characters(exclude_categories=())), st.lists))
def test_json_is_what_every_reader_takes(value):
    text = json_text({"a": value})
    assert text.isascii()
    assert text.isprintable()

    def refuse(constant):
        raise AssertionError(constant)

    assert json.loads(text, parse_constant=refuse) == {"a": finite(value)}


def test_a_name_comes_back_out_of_json_exactly():
    name = os.fsdecode(b"a\xff\x1b\x7f\xc3\xa9.jpg")
    assert os.fsencode(json.loads(json_text(name))) == b"a\xff\x1b\x7f\xc3\xa9.jpg"
