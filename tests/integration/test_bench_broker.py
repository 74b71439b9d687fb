"""`filterfleet bench broker`, with little to do."""

import pytest

from filterfleet.bench.broker import broker

pytestmark = pytest.mark.slow


def test_the_broker_is_measured(capsys):
    broker(tasks=2000, workers=2, rounds=1, at_once=1000)
    output = " ".join(capsys.readouterr().out.split())
    for words in (
        "tasks/s",
        "Of what bare sockets do",
        "cores can do",
        "bare sockets: median",
        "Round trip",
        "Two clients at once",
        "One core of the broker",
        "in a share",
        "memory grows",
    ):
        assert words in output, output
