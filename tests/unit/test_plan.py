"""What a listener would do, as `filterfleet plan` finds out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener.cloud.cost import DAY, cost_of
from filterfleet.listener.core.scan import Listing, Version
from filterfleet.listener.core.settings import Backfill
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.ledger.planning import Plan, known_objects, plan_of
from filterfleet.listener.local.source import Folder
from filterfleet.listener.settings.refusals import Explained

V1, V2 = Version(100, 1, "", 5), Version(200, 2, "", 5)
TOUCHED = Version(100, 1, "", 6)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with contextlib.closing(Ledger(tmp_path / "ledger.sqlite3", "/photos", "r1")) as ledger:
        yield ledger


def planned(tmp_path: Path, listing: Listing, backfill: Backfill = Backfill.OLDEST) -> dict[str, list[str]]:
    """The paths of each share that has some."""
    known, listed = known_objects(tmp_path / "ledger.sqlite3", "/photos", "r1")
    plan = plan_of(listing, known, listed=listed, backfill=backfill)
    return {name: share.paths for name in Plan.__dataclass_fields__ if (share := getattr(plan, name)).images}


def test_each_image_is_in_the_share_of_what_would_become_of_it(ledger, tmp_path):
    for path in ("done", "changed", "touched", "gone", "hidden/a", "pending", "bad", "passing", "mended"):
        ledger.add(path, V1, fresh=False)
    for path in ("done", "changed", "touched", "gone", "hidden/a"):
        ledger.done(path, V1, Result(b"j", (OutputFile("x", "png", 1),), {}), engine="e", write=0.0, turnaround=1.0)
    for path in ("bad", "passing", "mended"):
        ledger.failed(path, V1, "No.", transient=path == "passing")
    ledger.skip("skipped", V1)
    ledger.set_listed()
    ledger.commit()
    there = dict.fromkeys(("new", "done", "pending", "bad", "passing", "skipped"), V1)
    there |= {"changed": V2, "touched": TOUCHED, "mended": TOUCHED}
    listing = Listing(there, unread={"hidden/": "The folder cannot be read."})
    assert planned(tmp_path, listing) == {
        "new": ["new"],
        "changed": ["changed"],
        "pending": ["pending"],
        "again": ["passing", "mended"],
        "touched": ["touched"],
        "done": ["done"],
        "failed": ["bad"],
        "skipped": ["skipped"],
        "gone": ["gone"],
    }
    assert planned(tmp_path, listing, Backfill.NONE)["new"] == ["new"], "the first scan was long ago"


def test_without_a_ledger_everything_is_new_and_none_is_made(tmp_path):
    listing = Listing({f"{n}.jpg": V1 for n in range(9)})
    assert [len(paths) for paths in planned(tmp_path, listing).values()] == [5], "the others are counted"
    assert [*planned(tmp_path, listing, Backfill.NONE)] == ["skipped"]
    assert list(tmp_path.iterdir()) == []


def test_every_image_that_is_not_wanted_has_its_reason(tmp_path):
    for path in ("a.jpg", "big.jpg", "b.png", "drafts/c.jpg", "old/d.jpg", "#recycle/e.jpg", "notes.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"x" * (3 << 20 if path == "big.jpg" else 1))
    (tmp_path / ".filterfleetignore").write_text("old/*.jpg\n")
    selection = Explained(include=("*.jpg",), exclude=("drafts/*.jpg",), max_size=2 << 20)
    listing = Folder(tmp_path, selection).list()
    assert [*listing.objects] == ["a.jpg"]
    assert selection.refused == {
        "big.jpg": "larger than 2 MiB (--max-size)",
        "b.png": "matched by no --include",
        "drafts/c.jpg": "matched by --exclude",
        "old/d.jpg": "matched by .filterfleetignore",
    }


@pytest.mark.parametrize(
    ("files", "paged", "took", "interval", "calls", "every"),
    [
        (0, True, 0.0, 15.0, 2, 15.0),
        (1001, True, 1.0, 15.0, 3, 16.0),
        (3, False, 1.0, 15.0, 4, 16.0),  # a, a/b, and the root
        (3, False, 10.0, 15.0, 4, 110.0),  # scans are not most of the work
    ],
)
def test_polling_costs_what_a_scan_costs_as_often_as_one_comes(files, paged, took, interval, calls, every):
    cost = cost_of(["x.jpg", "a/y.jpg", "a/b/z.jpg"], files, paged=paged, took=took, interval=interval)
    assert (cost.calls, cost.every, cost.a_day) == (calls, every, round(calls * DAY / every))
