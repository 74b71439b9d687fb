"""`filterfleet bench page`, with little to do."""

import pytest

from filterfleet.bench.page import page

pytestmark = pytest.mark.slow


def test_the_page_is_measured(capsys):
    page(jobs=2000, tasks=3000, rounds=1)
    output = " ".join(capsys.readouterr().out.split())
    for words in ("the page is open", "tasks a second", "of a core meanwhile", "the gallery", "MB of memory at most"):
        assert words in output, output
