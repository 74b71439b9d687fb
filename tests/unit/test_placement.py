"""A folder of this machine as a sink, and the checks of both folders."""

import os
from pathlib import Path

import pytest

from filterfleet.common.blob import STEP, FileBlob, whole
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.wire import OutputFile
from filterfleet.listener.interfaces import TransferError
from filterfleet.listener.ledger.opening import open_ledger
from filterfleet.listener.local.sink import OutputTree
from filterfleet.listener.settings.location import check_folders
from filterfleet.listener.state import PRIVATE

OUTPUTS = (OutputFile("grayscale", "jpeg", 4), OutputFile("edges", "png", 5))
BLOBS = (b"gray", b"edges")


@pytest.fixture
def tree(tmp_path):
    tree = OutputTree(tmp_path / "out")
    yield tree
    tree.close()


def test_every_output_lies_where_the_design_says(tree):
    tree.put("trip/a.jpg", OUTPUTS, BLOBS)
    places = [tree.place("trip/a.jpg", output) for output in OUTPUTS]
    assert places == [tree.root / "grayscale/trip/a.jpg", tree.root / "edges/trip/a.jpg.png"]
    assert [place.read_bytes() for place in places] == list(BLOBS)
    assert list((tree.root / PRIVATE / "tmp").iterdir()) == []


def test_one_output_root_belongs_to_one_listener(tree):
    with pytest.raises(FleetError, match="Another listener is writing"):
        OutputTree(tree.root)
    tree.close()
    OutputTree(tree.root).close()


def test_what_a_killed_listener_left_half_written_is_swept(tmp_path):
    scratch = tmp_path / PRIVATE / "tmp"
    scratch.mkdir(parents=True)
    (scratch / "0123").write_bytes(b"half")
    OutputTree(tmp_path).close()
    assert list(scratch.iterdir()) == []


def test_an_output_root_that_cannot_be_used_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(FleetError, match=r"^The output .*/file is not a folder\.$"):
        OutputTree(tmp_path / "file")
    with pytest.raises(FleetError, match=r"^The output folder .* cannot be written: .*\.$"):
        OutputTree(tmp_path / "file" / "out")


def test_outputs_of_the_same_content_are_copied(tree):
    tree.put("a.jpg", OUTPUTS, BLOBS)
    assert tree.copy("a.jpg", "trip/b.jpg", OUTPUTS)
    assert tree.publish(["trip/b.jpg"]) == {}
    assert (tree.root / "edges/trip/b.jpg.png").read_bytes() == b"edges"


def test_an_output_in_a_file_is_placed_and_copied_like_any_other(tree):
    large = FileBlob()
    large.append(os.urandom(STEP + 5))
    outputs = (OutputFile("large", "png", STEP + 5),)
    tree.put("a.jpg", outputs, (large,))
    place = tree.place("a.jpg", outputs[0])
    assert place.read_bytes() == whole(large)
    assert tree.copy("a.jpg", "b.jpg", outputs)
    assert tree.publish(["b.jpg"]) == {}
    assert (tree.root / "large/b.jpg.png").read_bytes() == whole(large)
    assert list((tree.root / PRIVATE / "tmp").iterdir()) == []


def test_outputs_that_are_missing_or_tampered_with_are_not_copied(tree):
    assert not tree.copy("a.jpg", "b.jpg", OUTPUTS)
    tree.put("a.jpg", OUTPUTS, BLOBS)
    (tree.root / "edges/a.jpg.png").write_bytes(b"cut")
    assert not tree.copy("a.jpg", "b.jpg", OUTPUTS)
    assert not (tree.root / "grayscale/b.jpg").exists()


def test_names_are_as_long_as_the_file_system_allows(tree):
    longest = "n" * 251 + ".jpg"
    tree.put(longest, OUTPUTS[:1], BLOBS[:1])
    assert (tree.root / "grayscale" / longest).exists()
    with pytest.raises(TransferError, match="too long") as raised:
        tree.put(longest, OUTPUTS, BLOBS)  # edges appends .png
    assert not raised.value.transient


@pytest.mark.parametrize("inner", ["b.jpg", "sub/b.jpg"])
def test_a_source_folder_with_an_images_name_ends_in_a_failure_and_not_in_endless_tries(tree, inner):
    """The edges of a.jpg are the file edges/a.jpg.png; those of a.jpg.png/b.jpg need a folder with that name."""
    tree.put("a.jpg", OUTPUTS, BLOBS)
    with pytest.raises(
        TransferError, match=r"edges/a\.jpg\.png is a file, but a folder has to have this name\."
    ) as raised:
        tree.put(f"a.jpg.png/{inner}", OUTPUTS, BLOBS)
    assert not raised.value.transient


def test_a_file_cannot_take_the_place_of_a_folder(tree):
    (tree.root / "grayscale/a.jpg").mkdir(parents=True)
    with pytest.raises(
        TransferError, match=r"grayscale/a\.jpg is a folder, but a file has to have this name\."
    ) as raised:
        tree.put("a.jpg", OUTPUTS, BLOBS)
    assert not raised.value.transient
    assert list((tree.root / PRIVATE / "tmp").iterdir()) == []


def test_a_name_that_is_not_utf8_is_placed_as_it_is(tree):
    name = os.fsdecode(b"\xff.jpg")
    tree.put(name, OUTPUTS[:1], BLOBS[:1])
    assert os.listdir(os.fsencode(tree.root / "grayscale")) == [b"\xff.jpg"]


@pytest.mark.parametrize("error", [28, 30, 5, 13])  # no space, read-only, input/output, permission
def test_what_may_pass_is_transient(tree, monkeypatch, error):
    def fail(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("filterfleet.listener.local.stages.write_new", fail)
    with pytest.raises(TransferError, match=os.strerror(error)) as raised:
        tree.put("a.jpg", OUTPUTS, BLOBS)
    assert raised.value.transient


def test_a_failure_is_reported_with_its_reason_and_taken_back(tree):
    tree.write_failed("trip/a.jpg", "It is\nno image.", b"text")
    folder = tree.root / "failed/trip"
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        "a.jpg": b"text",
        "a.jpg.txt": b"It is\\nno image.\n",
    }
    tree.write_failed("trip/b.jpg", "No.", None)
    assert not (folder / "b.jpg").exists()
    for path in ("trip/a.jpg", "trip/b.jpg", "trip/never.jpg"):
        tree.clear_failed(path)
    assert list(folder.iterdir()) == []


# --- the two folders ----


def test_source_and_output_are_checked_and_made_absolute(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    assert check_folders(Path("in"), Path("out")) == (tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize(
    ("source", "output", "words"),
    [
        ("missing", "out", "does not exist"),
        ("file", "out", "is not a folder"),
        ("in", "file", "is not a folder"),
        ("in", "in", "overlap"),
        ("in", "in/out", "overlap"),
        ("in/deep", "in", "overlap"),
        ("in", "link/out", "overlap"),
        ("link", "in", "overlap"),
    ],
)
def test_folders_that_cannot_work_are_one_sentence(tmp_path, source, output, words):
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("in")
    with pytest.raises(FleetError, match=words) as raised:
        check_folders(tmp_path / source, tmp_path / output)
    assert str(raised.value).endswith(".")


def test_neighbours_with_similar_names_do_not_overlap(tmp_path):
    (tmp_path / "photos").mkdir()
    assert check_folders(tmp_path / "photos", tmp_path / "photos-filtered")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_source_that_cannot_be_read_is_one_sentence(tmp_path):
    (tmp_path / "in").mkdir(mode=0)
    with pytest.raises(FleetError, match="cannot be read"):
        check_folders(tmp_path / "in", tmp_path / "out")


def test_the_ledger_lies_below_the_output_unless_a_state_folder_is_given(tmp_path):
    for state, file in ((None, tmp_path / "out" / PRIVATE), (tmp_path / "state", tmp_path / "state")):
        open_ledger(tmp_path / "in", tmp_path / "out", state, DEFAULT).close()
        assert (file / "ledger.sqlite3").exists()
