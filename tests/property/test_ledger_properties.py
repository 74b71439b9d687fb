"""The ledger with any name a file can have: bytes that are no UTF-8, quotes, newlines."""

import os
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger.ledger import Failure, Ledger

file_names = st.binary(min_size=1, max_size=60).filter(lambda name: b"\0" not in name).map(os.fsdecode)
versions = st.builds(Version, st.integers(0, 2**62), st.integers(-(2**62), 2**62))
sources = st.dictionaries(file_names, versions, max_size=5)


@given(file_names, sources)
@settings(max_examples=30)
def test_names_and_versions_survive_a_restart(source, objects):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger"
        before = Ledger(file, source, "recipe")
        for path, version in objects.items():
            before.add(path, version, fresh=True)
        before.commit()
        before.close()
        after = Ledger(file, source, "recipe")
        assert after.settled() == objects
        assert after.fresh() == objects.keys()
        assert after.pending() == [(path, version, True) for path, version in objects.items()]
        after.close()


@given(sources, st.data())
@settings(max_examples=30)
def test_every_object_is_in_exactly_one_state(objects, data):
    ledger = Ledger(Path(":memory:"), "source", "recipe")
    expected = {}
    for path, version in objects.items():
        ledger.add(path, version, fresh=False)
        expected[path] = data.draw(st.sampled_from(("pending", "done", "failed")))
        if expected[path] == "done":
            result = Result(b"job", (OutputFile("edges", "png", 3),), {})
            ledger.done(path, version, result, engine="threads", write=0.0, turnaround=1.0)
        elif expected[path] == "failed":
            ledger.failed(path, version, "No.", transient=False)
    assert {path for path, _, _ in ledger.pending()} == {p for p, state in expected.items() if state == "pending"}
    assert {image.path for image in ledger.processed()} == {p for p, state in expected.items() if state == "done"}
    assert {f.path for f in ledger.failures()} == {p for p, state in expected.items() if state == "failed"}
    assert all(failure == Failure(failure.path, "No.") for failure in ledger.failures())
    assert ledger.progress().total == len(objects)
    ledger.close()


reports = st.dictionaries(
    st.sampled_from(("width", "height", "decode", "filter", "encode", "worker", "else")),
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.lists(st.text()),
)


@given(reports)
@example({"width": 2**64 - 1})
@example({"decode": float("nan"), "filter": float("inf"), "worker": None})
@settings(max_examples=50)
def test_whatever_a_worker_reports_the_outcome_is_recorded(report):
    ledger = Ledger(Path(":memory:"), "source", "recipe")
    ledger.add("a.jpg", Version(1, 1), fresh=True)
    ledger.done("a.jpg", Version(1, 1), Result(b"job", (), report), engine="threads", write=0.0, turnaround=1.0)
    assert [image.path for image in ledger.processed()] == ["a.jpg"]
    ledger.close()
