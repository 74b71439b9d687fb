"""Orders: what the listener's core makes of them, and the box through which they come."""

from __future__ import annotations

import os
import threading

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.listener.core.actions import Answer, Copy, List, Load, Note, Submit
from filterfleet.listener.core.events import Copied, Listed, Loaded, Ordered, Refused, Written
from filterfleet.listener.core.order import ConfirmRemovals, Order, Pause, Prune, Redo, Resume, Retry, which
from filterfleet.listener.core.scan import Listing
from filterfleet.listener.orders import box as box_module
from filterfleet.listener.orders.box import Box, locks_of, unused
from filterfleet.listener.orders.form import from_json, to_json
from tests.unit.listener_rig import DIGEST, DONE, V1, Rig, of

ORDERS: list[Order] = [
    Retry(("a.jpg", "name\udcff.jpg"), reason="memory"),
    Retry(everything=True),
    Redo(("trip",)),
    Redo(everything=True),
    ConfirmRemovals(),
    Prune(1.5),
    Pause(),
    Resume(),
]


def loads(rig, path):
    return rig.on(Loaded(path, DIGEST, b"image"))


def make(rig, path):
    loads(rig, path)
    rig.on(DONE)
    rig.on(Written(path, 0.0))


def order(rig, what):
    """What follows from an order: the number in its answer, and the paths that are loaded again."""
    actions = rig.on(Ordered("id", what))
    (answer,) = of(Answer, actions)
    return answer.count, [action.path for action in of(Load, actions)]


@pytest.fixture
def alone():
    """One image that is done, c and d that have failed."""
    rig = Rig()
    rig.lists(a=V1, c=V1, d=V1)
    make(rig, "a")
    rig.on(Refused("c", "The file is empty."))
    rig.on(Refused("d", "There is too little memory."))
    return rig


@pytest.mark.parametrize(
    ("what", "paths"),
    [
        (Retry(everything=True), ["c", "d"]),
        (Retry(("c", "a")), ["c"]),
        (Retry(everything=True, reason="memory"), ["d"]),
        (Retry(("c",), reason="memory"), []),
        (Retry(("nothing",)), []),
        (Redo(("a",)), ["a"]),
        (Redo(("a", "d")), ["a", "d"]),
        (Redo(everything=True), ["a", "c", "d"]),
    ],
)
def test_what_is_ordered_is_loaded_again(alone, what, paths):
    assert order(alone, what) == (len(paths), paths)
    assert order(alone, what) == (0, []), "it is under way, and nothing more follows from the same order"


def test_a_folder_stands_for_all_that_is_in_it():
    is_meant = which(("trip", "/b.jpg/"), everything=False)
    assert [is_meant(path) for path in ("trip/a.jpg", "trip/x/a.jpg", "b.jpg")] == [True] * 3
    assert not any(is_meant(path) for path in ("tripod.jpg", "x/trip/a.jpg", "b.jpeg", "trip2/a.jpg"))


def test_what_is_made_again_is_recorded_and_nothing_else_changes(alone):
    order(alone, Redo(("a",)))
    assert alone.state("a") == "pending"
    make(alone, "a")
    assert [alone.state(path) for path in "acd"] == ["done", "failed", "failed"]


def test_what_is_made_again_is_processed_though_a_twin_is_done():
    rig = Rig()
    rig.lists(a=V1, b=V1)
    make(rig, "a")
    (copy,) = of(Copy, loads(rig, "b"))
    assert copy.original == "a"
    rig.on(Copied("b", found=True))
    order(rig, Redo(("a",)))
    assert of(Submit, loads(rig, "a")), "its twin may be what is damaged"


def test_an_order_is_answered_when_its_effect_is_durable(alone):
    assert of(Answer, alone.core.on(Ordered("id", Redo(("a",))), alone.now)) == []
    alone.core.desk.commit = lambda: None if alone.core._orders._answers else pytest.fail("answered before the commit")
    assert of(Answer, alone.tick()) == [Answer("id", 1)]


# --- pause ----


def test_while_it_is_paused_nothing_new_is_begun_and_what_runs_is_finished(alone):
    order(alone, Redo(("a",)))
    assert order(alone, Pause()) == (1, [])
    assert order(alone, Pause()) == (0, []), "it is paused already"
    assert order(alone, Retry(everything=True)) == (2, []), "they are pending"
    make(alone, "a")
    assert alone.state("a") == "done"
    assert order(alone, Resume()) == (1, ["c", "d"])
    assert order(alone, Resume()) == (0, [])


def test_a_fresh_upload_waits_while_it_is_paused_and_goes_first_then():
    rig = Rig()
    rig.lists(a=V1)
    order(rig, Pause())
    assert of(Load, rig.lists_next({"a": V1, "b": V1, "c": V1})) == []
    count, paths = order(rig, Resume())
    assert (count, paths) == (1, ["b", "c"])


def test_a_pause_outlasts_a_restart():
    rig = Rig()
    rig.lists(a=V1)
    order(rig, Pause())
    rig.start(rig.core.settings)
    assert [note.event for note in of(Note, rig.tick())] == ["paused"]
    assert of(Load, rig.on(Listed(Listing({"a": V1})))) == []
    order(rig, Resume())
    rig.start(rig.core.settings)
    assert [load.path for load in of(Load, rig.tick())] == ["a"]


# --- removals ----


@pytest.fixture
def doubting():
    """Most of forty objects have vanished."""
    rig = Rig()
    rig.lists(**{f"f{n}": V1 for n in range(40)})
    actions = rig.lists_next({f"f{n}": V1 for n in range(20)})
    (note,) = of(Note, actions)
    assert "filterfleet confirm-removals" in note.fields["advice"]
    return rig


def test_removals_are_believed_when_somebody_confirms_them(doubting):
    (answer,) = of(Answer, doubting.on(Ordered("id", ConfirmRemovals())))
    assert answer.count == 20
    assert doubting.tick(1.0) == [List()], "it looks again soon"
    assert of(Note, doubting.on(Listed(Listing({f"f{n}": V1 for n in range(20)})))) == []
    assert len(doubting.ledger.report()) == 20


def test_only_what_was_in_doubt_is_believed(doubting):
    doubting.on(Ordered("id", ConfirmRemovals()))
    doubting.tick(1.0)
    (note,) = of(Note, doubting.on(Listed(Listing({}))))
    assert (note.fields["gone"], note.fields["known"]) == (40, 40)
    assert len(doubting.ledger.report()) == 40


def test_a_confirmation_that_comes_while_nothing_is_in_doubt_confirms_nothing(alone):
    assert order(alone, ConfirmRemovals()) == (0, [])


def test_a_confirmation_that_waited_for_a_listener_waits_for_its_first_listing():
    rig = Rig()
    for n in range(40):
        rig.ledger.add(f"f{n}", V1, fresh=False)
        rig.ledger.failed(f"f{n}", V1, "It is broken.", transient=False)
    rig.start(rig.core.settings)
    rig.tick()
    assert of(Answer, rig.on(Ordered("id", ConfirmRemovals()))) == []
    (answer,) = of(Answer, rig.on(Listed(Listing({"f0": V1}))))
    assert answer.count == 39


# --- the box ----


@pytest.fixture
def box(tmp_path):
    box = Box(tmp_path / "state", "source")
    yield box
    box.close()


@pytest.mark.parametrize("what", ORDERS)
def test_an_order_keeps_its_form(what):
    assert from_json(to_json(what)) == what


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"7",
        b'{"order": "exec", "paths": []}',
        b'{"order": "redo", "paths": "a.jpg"}',
        b'{"order": "redo", "paths": [7]}',
        b'{"order": "redo", "paths": [], "everything": 1}',
        b'{"order": "retry", "reason": null}',
        b'{"order": "prune", "before": NaN}',
        b'{"order": "prune", "before": true}',
        b'{"order": "prune"}',
        b'{"order": "confirm-removals", "paths": []}',
        b'{"order": ["redo"]}',
        b"[" * 100_000,
        b'{"order": "redo", "pat',
    ],
)
def test_anything_else_is_no_order(text):
    with pytest.raises(FleetError, match=r"This version of filterfleet does not know this order\."):
        from_json(text)


def test_orders_wait_in_order_until_they_are_answered(box):
    ids = [box.put(what) for what in ORDERS]
    assert list(box.take()) == list(box.take()) == list(zip(ids, ORDERS, strict=True))
    box.answer(ids[0], {"count": 3})
    assert [id_ for id_, _ in box.take()] == ids[1:]
    assert box.answer_to(ids[0], 0.0) == {"count": 3}
    assert box.answer_to(ids[0], 0.0) is None, "it is forgotten"


def test_an_answer_is_waited_for(box):
    id_ = box.put(ConfirmRemovals())
    threading.Timer(0.1, box.answer, (id_, {"count": 0})).start()
    assert box.answer_to(id_, 10.0) == {"count": 0}


def test_a_listener_shows_that_it_is_there(box, tmp_path):
    assert not box.has_listener
    with box.taken():
        assert box.has_listener
        assert not Box(tmp_path / "state", "another source").has_listener
    assert not box.has_listener


def test_a_ledger_is_not_made_anew_while_a_listener_uses_it(box, tmp_path):
    lock = box.path / "listener"
    with box.taken(), pytest.raises(FleetError, match="A listener is using this ledger"), unused(lock):
        pass
    assert locks_of(tmp_path / "state") == [lock]
    with unused(lock):
        assert box.has_listener, "who starts now waits"


def test_an_order_that_cannot_be_read_is_answered_with_the_reason(box):
    (box.path / "0001.json").write_text("rm -rf /")
    (box.path / "0001.json").chmod(0o600)
    assert list(box.take()) == []
    assert "does not know this order" in box.answer_to("0001", 0.0)["error"]
    assert not (box.path / "0001.json").exists()


def test_a_half_written_order_is_not_seen(box):
    (box.path / ".0001.json").write_bytes(to_json(Redo(everything=True))[:5])
    assert list(box.take()) == []


def test_an_order_of_somebody_else_is_not_carried_out(box, tmp_path):
    (tmp_path / "theirs").write_bytes(to_json(Redo(everything=True)))
    (tmp_path / "theirs").chmod(0o666)
    os.link(tmp_path / "theirs", box.path / "0001.json")
    (box.path / "0002.json").symlink_to(tmp_path / "theirs")
    assert list(box.take()) == []
    assert "has to be our own" in box.answer_to("0001", 0.0)["error"]
    assert "is a link" in box.answer_to("0002", 0.0)["error"]


def test_a_box_in_a_folder_of_somebody_else_is_not_used(tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "state" / "orders").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FleetError, match="is a link, but it has to be our own"):
        Box(tmp_path / "state", "source")


def test_answers_that_nobody_reads_do_not_pile_up(box, monkeypatch):
    box.answer(box.put(ConfirmRemovals()), {"count": 0})
    assert list(box.take()) == []
    assert len(list(box.path.glob("*.answer"))) == 1
    monkeypatch.setattr(box_module, "KEPT", -1.0)
    assert list(box.take()) == []
    assert not list(box.path.glob("*.answer"))
