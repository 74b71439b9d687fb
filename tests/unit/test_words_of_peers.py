"""What peers say for people to read is one printable line of bounded length, from the parser on."""

from __future__ import annotations

import json

import msgpack
import pytest

from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import PPX, Credit, Failed, Result, Status, encode, parse
from filterfleet.common.wire.codec import REPORT_LIMIT

FORGED = "No.\x1b]0;owned\x07\nfailed b.jpg: forged\r\u202e" + "x" * 100


def parsed(message):
    (found,) = parse(encode([message]), extended=True)
    return found


def is_shown(text: str) -> bool:
    return text.isprintable() and len(text.encode()) == len(text)


def test_a_reason_a_host_and_a_version():
    assert is_shown(parsed(Failed(b"id", "permanent", FORGED)).reason)
    credit = parsed(Credit(1, 1, (), FORGED, "1\n2\x1b"))
    assert is_shown(credit.host)
    assert credit.version == "1 2\\x1b"


@pytest.mark.parametrize("length", [255, 2000])
def test_what_the_broker_relays_is_taken_by_the_next(length: int):
    """Escapes make a text longer: it has to keep within the limit all the same."""
    kind = {255: lambda text: Credit(1, 1, (), text, ""), 2000: lambda text: Failed(b"id", "transient", text)}[length]
    once = parsed(kind("\U000e0041" * length))
    assert parsed(once) == once


def test_a_report_can_be_shown_and_written_as_json():
    told = {"worker": "h\x1b[31m/1", "decode": float("nan"), "filter": float("-inf"), "inner": [b"\xff", {"\x9b": 1}]}
    for message in (Result(b"id", (), told), Status(told)):
        report = parsed(message).report
        assert report == {"worker": "h\\x1b[31m/1", "decode": None, "filter": None, "inner": [None, {"\\x9b": 1}]}
        json.dumps(report, allow_nan=False)
        assert parsed(Status(report)).report == report


def test_a_report_that_is_too_large_once_it_is_escaped_is_refused_at_once():
    def report(characters: int):
        message = {"type": "RESULT", "id": b"1", "outputs": [], "report": {"a": "\x1b" * characters}}
        return parse([b"", PPX, msgpack.packb([message])], extended=True)

    (found,) = report(REPORT_LIMIT // 4 - 10)
    assert parsed(found) == found
    with pytest.raises(ProtocolError):
        report(REPORT_LIMIT // 4)
