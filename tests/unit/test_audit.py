"""Outputs that were deleted, cut or changed: what verify finds, and what --heal has made again."""

from __future__ import annotations

import zlib

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener import heal as heal_module
from filterfleet.listener.audit import Fault, LocalOutput, audit
from filterfleet.listener.core.order import Redo
from filterfleet.listener.core.scan import Version
from filterfleet.listener.heal import Healer
from filterfleet.listener.ledger import reading
from filterfleet.listener.ledger.ledger import Ledger

V1 = Version(10, 1)
CONTENTS = {"edges": b"edges of an image", "blur": b"a blurred image"}


@pytest.fixture
def output(tmp_path):
    root = tmp_path / "out"
    root.mkdir()
    folder = LocalOutput(root)
    yield folder
    folder.close()


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite3", "source", "recipe")
    for n in range(30):
        add(ledger, tmp_path / "out", f"trip/{n}.jpg")
    ledger.commit()
    yield ledger
    ledger.close()


def add(ledger, root, path):
    outputs = tuple(OutputFile(name, "png", len(content)) for name, content in CONTENTS.items())
    result = Result(b"job", outputs, {"sums": [zlib.crc32(content) for content in CONTENTS.values()]}, ())
    ledger.add(path, V1, fresh=False)
    ledger.done(path, V1, result, engine="e", write=0.0, turnaround=0.0)
    for name, content in CONTENTS.items():
        file = root / name / f"{path}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def found(tmp_path, output, *, content=False):
    sum_of = output.sum_of if content else None
    return {(f.path, f.fault) for f in audit(tmp_path / "ledger.sqlite3", "source", output.size, sum_of)}


def test_what_is_as_it_was_made_is_no_fault(tmp_path, output, ledger):
    assert found(tmp_path, output, content=True) == set()


def test_each_fault_is_found_once(tmp_path, output, ledger, monkeypatch):
    monkeypatch.setattr(reading, "PAGE", 7)
    files = [tmp_path / "out" / "edges" / "trip" / f"{n}.jpg.png" for n in range(5)]
    files[0].unlink()
    files[1].write_bytes(b"short")
    files[2].write_bytes(CONTENTS["edges"][::-1])
    files[3].unlink()
    files[3].mkdir()
    files[4].rename(files[4].with_name("renamed"))
    files[4].symlink_to("renamed")
    expected = {
        ("edges/trip/0.jpg.png", Fault.MISSING),
        ("edges/trip/1.jpg.png", Fault.SIZE),
        ("edges/trip/3.jpg.png", Fault.MISSING),
        ("edges/trip/4.jpg.png", Fault.MISSING),
    }
    assert found(tmp_path, output) == expected
    assert found(tmp_path, output, content=True) == expected | {("edges/trip/2.jpg.png", Fault.CONTENT)}


def test_a_result_that_cannot_be_read_is_a_fault(tmp_path, output, ledger, monkeypatch):
    def unreadable(_path):
        raise PermissionError

    monkeypatch.setattr(output, "sum_of", unreadable)
    assert {fault for _, fault in found(tmp_path, output, content=True)} == {Fault.UNREADABLE}


def test_an_output_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(FleetError, match=r"The output folder .*nowhere cannot be read: No such file or directory\.$"):
        LocalOutput(tmp_path / "nowhere")


# --- heal ----


@pytest.fixture
def healer(tmp_path, ledger, monkeypatch):
    monkeypatch.setattr(heal_module, "GRACE", -60.0)
    given = []
    healer = Healer(tmp_path / "ledger.sqlite3", "source", LocalOutput(tmp_path / "out"), given.append)
    healer.given = given
    yield healer
    healer.close()


def test_what_was_deleted_is_ordered_again(tmp_path, healer):
    healer.look()
    assert healer.given == []
    (tmp_path / "out" / "blur" / "trip" / "3.jpg.png").unlink()
    (tmp_path / "out" / "edges" / "trip" / "3.jpg.png").unlink()
    (tmp_path / "out" / "edges" / "trip" / "7.jpg.png").write_bytes(b"somebody has edited it")
    healer.look()
    assert healer.given == [Redo(("trip/3.jpg",))]


def test_nothing_is_ordered_when_most_results_are_missing(tmp_path, healer):
    (tmp_path / "out" / "edges").rename(tmp_path / "unmounted")
    healer.look()
    assert healer.given == []


def test_what_cannot_be_made_again_is_not_ordered(tmp_path, healer, ledger):
    ledger.forget("trip/3.jpg")
    ledger.commit()
    (tmp_path / "out" / "blur" / "trip" / "3.jpg.png").unlink()
    healer.look()
    assert healer.given == []


def test_what_was_made_a_moment_ago_may_still_appear(tmp_path, healer, monkeypatch):
    monkeypatch.setattr(heal_module, "GRACE", 60.0)
    (tmp_path / "out" / "blur" / "trip" / "3.jpg.png").unlink()
    healer.look()
    assert healer.given == []


def test_it_looks_by_itself_and_ends_at_once(tmp_path, ledger, monkeypatch):
    monkeypatch.setattr(heal_module, "GRACE", -60.0)
    monkeypatch.setattr(heal_module, "PAUSE", 0.01)
    monkeypatch.setattr(heal_module, "SHARE", 0.0)
    (tmp_path / "out" / "blur" / "trip" / "3.jpg.png").unlink()
    given, come = [], heal_module.threading.Event()
    healer = Healer(
        tmp_path / "ledger.sqlite3", "source", LocalOutput(tmp_path / "out"), lambda o: (given.append(o), come.set())
    )
    assert come.wait(10)
    healer.close()
    assert given[0] == Redo(("trip/3.jpg",))
