"""Sidecars: what they say, and that they come, stay and go with the outputs of their image."""

from __future__ import annotations

import contextlib
import hashlib
import json
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import Output, Recipe
from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener.audit import LocalOutput, audit
from filterfleet.listener.core.actions import Copy, Submit, Write
from filterfleet.listener.core.events import Loaded, Written
from filterfleet.listener.core.sidecar import About, Sidecar, with_sidecar, without_sidecar
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.local.sink import OutputTree
from filterfleet.listener.settings.options import Options
from filterfleet.listener.setup import check_recipe_for
from filterfleet.listener.transfers import Transfers
from tests.unit.listener_rig import DIGEST, DONE, JOB, OUTPUTS, V1, Rig, of

SIDECAR = Sidecar(OutputFile("sidecar", "json", 7), 99)
RESULT = Result(JOB, OUTPUTS, {"worker": "lab/1", "version": "9", "decode": 0.5, "sums": [1]}, (b"png",))
ABOUT = About(V1, "cluster", 2.5)


def test_a_result_with_a_sidecar_and_without_it_again():
    whole = with_sidecar(RESULT, SIDECAR)
    assert whole.outputs == (*OUTPUTS, SIDECAR.output)
    assert whole.report["sums"] == [1, 99]
    assert without_sidecar(whole) == RESULT
    assert with_sidecar(RESULT, None) is without_sidecar(RESULT) is RESULT
    assert with_sidecar(DONE.outcome, SIDECAR).report == {}, "sums that are not known stay unknown"


def test_the_ledger_has_the_sidecar_and_no_other_image_gets_it():
    """Without --sidecar, another image with the same content gets copies of the other outputs."""
    rig = Rig(sidecar=True, engine="cluster")
    rig.lists(a=V1)
    rig.on(Loaded("a", DIGEST, b"image"))
    (write,) = of(Write, rig.on(DONE))
    assert write.about == About(V1, "cluster", 0.0)
    rig.on(Written("a", 0.5, SIDECAR))
    assert rig.ledger.same_job(JOB)[1].outputs == (*OUTPUTS, SIDECAR.output)
    rig.start(replace(rig.core.settings, sidecar=False))
    rig.lists_next({"a": V1, "b": V1})
    (copy,) = of(Copy, rig.on(Loaded("b", DIGEST, b"image")))
    assert copy.result.outputs == OUTPUTS


def test_an_image_with_the_same_content_is_processed_for_its_own_sidecar():
    rig = Rig(sidecar=True)
    rig.lists(a=V1)
    for event in (Loaded("a", DIGEST, b"image"), DONE, Written("a", 0.5, SIDECAR)):
        rig.on(event)
    rig.lists_next({"a": V1, "b": V1})
    assert of(Submit, rig.on(Loaded("b", DIGEST, b"image")))


def test_a_sidecar_is_published_with_the_outputs_and_checked_as_they_are(tmp_path):
    recipe, out = Recipe((Output("o", (), "png"),)), tmp_path / "out"
    report = {**RESULT.report, "worker": "x\n" * 300, "sums": [zlib.crc32(b"png")]}
    result = Result(JOB, (OutputFile("o", "png", 3),), report, (b"png",))
    with contextlib.closing(OutputTree(out)) as sink:
        written = Transfers(None, sink, recipe, 1 << 20, sidecar=True).do(Write("trip/a.jpg", result, False, ABOUT))
        assert not [path for path in out.rglob("*.j*") if ".filterfleet" not in path.parts], "all appear at once"
        sink.publish(["trip/a.jpg"])
    file = out / "sidecar/trip/a.jpg.json"
    told = json.loads(file.read_text())
    assert told["source"]["path"] == "trip/a.jpg"
    assert (told["source"]["bytes"], told["source"]["sha256"]) == (V1.size, DIGEST.hex())
    assert told["recipe"]["digest"] == recipe.digest.hex()
    assert (told["engine"]["name"], told["engine"]["version"]) == ("cluster", "9")
    assert "\n" not in told["engine"]["worker"]
    assert told["seconds"] == {"decode": 0.5, "turnaround": 2.5}
    (output,) = told["outputs"]
    assert output["sha256"] == hashlib.sha256((out / output["path"]).read_bytes()).hexdigest()
    _check_audit(tmp_path, out, with_sidecar(result, written.sidecar), recipe)


def _check_audit(tmp_path: Path, out: Path, result: Result, recipe: Recipe) -> None:
    ledger_file = tmp_path / "ledger.sqlite3"
    with contextlib.closing(Ledger(ledger_file, "in", recipe.digest.hex())) as ledger:
        ledger.add("trip/a.jpg", V1, fresh=True)
        ledger.done("trip/a.jpg", V1, result, engine="cluster", write=0.1, turnaround=2.5)
        ledger.commit()
        with contextlib.closing(LocalOutput(out)) as output:
            assert list(audit(ledger_file, "in", output.size, output.sum_of)) == []
            (out / "sidecar/trip/a.jpg.json").write_text("{}")
            faults = [(found.path, found.fault.value) for found in audit(ledger_file, "in", output.size)]
    assert faults == [("sidecar/trip/a.jpg.json", "another size")]


def test_a_recipe_must_not_use_the_name_of_the_sidecars():
    recipe = Recipe((Output("sidecar", ()),))
    check_recipe_for(Options(0.0, 1.0), recipe)
    with pytest.raises(FleetError, match="has an output called sidecar"):
        check_recipe_for(Options(0.0, 1.0, sidecar=True), recipe)
