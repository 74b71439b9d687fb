"""What `filterfleet status` reads in a ledger."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import Output as RecipeOutput
from filterfleet.common.jobs.recipe import Recipe, Step
from filterfleet.common.wire import Result
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger.history import History
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.ledger.opening import ledger_file, ledger_of, open_ledger
from filterfleet.listener.ledger.overview import Standing, overview
from filterfleet.listener.settings.location import Remote

V1 = Version(5, 7)
SOURCE = "/photos/\udcff"


@pytest.fixture
def file(tmp_path):
    """The ledger of two sources, in a folder with a name that an address would have to escape."""
    file = tmp_path / "50% of?#me" / "ledger.sqlite3"
    ledger = Ledger(file, SOURCE, "r1")
    for path in ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"):
        ledger.add(path, V1, fresh=False)
    for path in ("a.jpg", "e.jpg"):
        ledger.done(path, V1, Result(b"job", (), {}), engine="threads", write=0.0, turnaround=0.0)
    ledger.forget("e.jpg")  # which is gone
    ledger.failed("b.jpg", V1, "The file is empty.", transient=False)
    ledger.skip("d.jpg", V1)
    ledger.leave_alone({".dng": 3, "": 1})
    ledger.commit()
    ledger.close()
    other = Ledger(file, "s3:in", "r2")
    other.set_listed()
    other.commit()
    other.close()
    return file


EXPECTED = [
    Standing(SOURCE, "r1", done=1, failed=1, pending=1, skipped=1, left_alone={".dng": 3, "": 1}),
    Standing("s3:in", "r2", done=0, failed=0, pending=0, skipped=0, left_alone={}),
]


def test_every_source_is_counted(file):
    assert overview(file) == EXPECTED


def test_a_listener_may_be_at_work(file):
    ledger = Ledger(file, SOURCE, "r1")
    try:
        ledger.add("new.jpg", V1, fresh=True)  # and is not committed yet
        assert overview(file) == EXPECTED
        ledger.commit()
        assert overview(file)[0].pending == 2
    finally:
        ledger.close()


def test_nothing_is_changed(file):
    with sqlite3.connect(file) as old:  # of the version before: it is not migrated, either
        old.executescript("ALTER TABLE results DROP COLUMN notes; PRAGMA user_version = 2")
    old.close()
    before = file.read_bytes()
    assert overview(file) == EXPECTED
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_may_only_be_read_is_enough(file):
    file.parent.chmod(0o500)
    try:
        assert overview(file) == EXPECTED
    finally:
        file.parent.chmod(0o700)


def test_what_is_no_ledger_is_one_sentence(tmp_path):
    file = tmp_path / "ledger.sqlite3"
    with pytest.raises(FleetError, match=r"^There is no ledger .*: name the folder of the results with --output"):
        overview(file)
    for content in (b"not a database" * 100, b""):
        file.write_bytes(content)
        with pytest.raises(FleetError, match=r"^The ledger .* cannot be read: |is not a ledger\.$"):
            overview(file)
    with pytest.raises(FleetError, match=r"^The ledger .* cannot be read: File name too long\.$"):
        overview(tmp_path / ("x" * 300) / "ledger.sqlite3")
    file.unlink()
    with sqlite3.connect(file) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(FleetError, match="newer version"):
        overview(file)


def test_the_ledger_is_where_a_listener_has_it(tmp_path):
    assert ledger_of(str(tmp_path), None) == tmp_path / ".filterfleet" / "ledger.sqlite3"
    assert ledger_of("s3:out", Path("state")) == Path("state/ledger.sqlite3")
    with pytest.raises(FleetError, match=r"^s3:out is in a cloud, .*: name its folder with --state\.$"):
        ledger_of("s3:out", None)


def test_the_ledger_of_a_remote_output_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    recipe = Recipe((RecipeOutput("out", (Step("invert"),), "png"),))
    output, other = Remote("s3", "out"), Remote("s3", "other")
    for source, target in (("/a", output), ("/b", other), ("/c", other)):
        open_ledger(Path(source), target, None, recipe).close()
    assert ledger_of("s3:out", None) == ledger_file(Path("/a"), output, None)
    assert History(ledger_of("s3:out", None)).places()[0].output == "s3:out"
    with pytest.raises(FleetError, match=r"^Several ledgers of this user are about s3:other: name the source"):
        ledger_of("s3:other", None)
    (tmp_path / "filterfleet" / "0000").mkdir()
    ledger_file(Path("/a"), output, None).write_bytes(b"no ledger")
    with pytest.raises(FleetError, match=r"name its folder with --state\.$"):
        ledger_of("s3:out", None)
