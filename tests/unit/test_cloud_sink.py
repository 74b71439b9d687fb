"""A sink in a cloud, on a store in memory: outputs are whole and in their places when it says so."""

import hashlib
from dataclasses import replace

import pytest

from filterfleet.common.blob import FileBlob
from filterfleet.common.errors import FleetError
from filterfleet.common.wire import OutputFile
from filterfleet.listener.cloud.rclone.remote_files import Entry
from filterfleet.listener.cloud.sink import CloudSink
from filterfleet.listener.cloud.staging import STAGING
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.settings.location import Remote
from tests.unit.memory_rclone import ATOMIC, DRIVE, FOLDS, PLAIN, MemoryRclone

OUTPUTS = (OutputFile("grayscale", "jpeg", 4), OutputFile("edges", "png", 5))
BLOBS = (b"gray", b"edges")
WRITTEN = {"grayscale/trip/a.jpg": b"gray", "edges/trip/a.jpg.png": b"edges"}


@pytest.fixture
def sink_of(tmp_path):
    sinks = []

    def make(rclone, state="state"):
        folder = tmp_path / state
        sinks.append(CloudSink(rclone, Remote("cloud", "results"), folder / "spool/out", folder / "lock"))
        return sinks[-1]

    yield make
    for sink in sinks:
        sink.close()
        assert list((tmp_path / "state/spool/out").iterdir()) == []


def failing(what, *, times=1, error=None):
    left = [times]

    def before(call):
        if call.startswith(what) and left[0]:
            left[0] -= 1
            raise error or TransferError("The server cannot be reached.", transient=True)

    return before


@pytest.mark.parametrize("facts", [ATOMIC, PLAIN, replace(PLAIN, can_move=False)])
def test_every_output_lies_where_the_design_says(sink_of, facts):
    rclone = MemoryRclone(facts)
    large = FileBlob()
    large.append(b"edges")
    sink_of(rclone).write("trip/a.jpg", OUTPUTS, (memoryview(b"gray"), large))
    assert rclone.contents == WRITTEN


def test_half_of_an_upload_is_never_seen_under_its_name(sink_of):
    rclone = MemoryRclone(PLAIN)
    sink_of(rclone).write("trip/a.jpg", OUTPUTS, BLOBS)
    uploads = [call.split()[1] for call in rclone.calls if call.startswith("upload")]
    assert len(set(uploads)) == 2
    assert all(upload.startswith(f"{STAGING}/") for upload in uploads)


def test_folders_are_made_once_and_again_after_a_failure(sink_of):
    rclone = MemoryRclone(PLAIN)
    sink = sink_of(rclone)
    for name in ("trip/a.jpg", "trip/b.jpg"):
        sink.write(name, OUTPUTS, BLOBS)
    made = ["make grayscale/trip", f"make {STAGING}", "make edges/trip"]
    assert [call for call in rclone.calls if call.startswith("make")] == made
    rclone.before = failing("upload")
    with pytest.raises(TransferError):
        sink.write("trip/a.jpg", OUTPUTS, BLOBS)
    rclone.calls.clear()
    sink.write("trip/a.jpg", OUTPUTS, BLOBS)
    assert [call for call in rclone.calls if call.startswith("make")] == made
    assert not any(call.startswith("make") for call in _written(sink_of, MemoryRclone(ATOMIC)).calls)


def _written(sink_of, rclone):
    sink_of(rclone, "other").write("a.jpg", OUTPUTS, BLOBS)
    return rclone


# --- whether uploads have arrived ----


class Swallowing(MemoryRclone):
    """Accepts and loses uploads until it forgets a folder that was removed."""

    def upload(self, file, _fs, path):
        self._call("upload", path)
        if "forget" in self.calls:
            self.put(path, file.read_bytes())


def test_what_vanishes_in_a_removed_folder_is_uploaded_again(sink_of):
    rclone = Swallowing(DRIVE)
    sink_of(rclone).write("trip/a.jpg", OUTPUTS[:1], BLOBS[:1])
    assert rclone.contents == {"grayscale/trip/a.jpg": b"gray"}
    upload, look = "upload grayscale/trip/a.jpg", "stat grayscale/trip/a.jpg"
    make = "make grayscale/trip"
    assert rclone.calls == [make, upload, look, "forget", make, upload, look]


@pytest.mark.parametrize("found", [None, Entry("", 3, 0), Entry("", 4, 0, "", f"md5:{'0' * 32}")])
def test_what_is_not_there_as_it_was_sent_is_no_success(sink_of, found):
    rclone = MemoryRclone(DRIVE)
    rclone.stat = lambda *_: found
    with pytest.raises(
        TransferError, match=r"cloud:results/grayscale/a\.jpg was uploaded, but the store does not have it"
    ) as raised:
        sink_of(rclone).write("a.jpg", OUTPUTS[:1], BLOBS[:1])
    assert raised.value.transient
    assert rclone.calls.count("upload grayscale/a.jpg") == 2


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256", "quickxor"])
def test_a_hash_is_compared_where_it_can_be_made(sink_of, kind):
    told = hashlib.new(kind, b"gray").hexdigest() if kind in hashlib.algorithms_available else "0"
    rclone = MemoryRclone(DRIVE)
    rclone.stat = lambda *_: Entry("", 4, 0, "", f"{kind}:{told}")
    sink_of(rclone).write("a.jpg", OUTPUTS[:1], BLOBS[:1])
    assert rclone.calls.count("upload grayscale/a.jpg") == 1


def test_a_file_where_a_folder_is_wanted_is_not_waited_for(sink_of):
    rclone = MemoryRclone(PLAIN)
    rclone.put("edges/a.jpg.png", b"edges")
    rclone.before = failing("make edges/a.jpg.png/trip", times=9)
    sink = sink_of(rclone)
    with pytest.raises(TransferError, match=r"cloud:results/edges/a\.jpg\.png is a file") as raised:
        sink.write("a.jpg.png/trip/b.jpg", OUTPUTS[1:], BLOBS[1:])
    assert not raised.value.transient
    rclone.before = failing(("make", "stat"), times=99)
    with pytest.raises(TransferError, match=r"reached") as raised:
        sink.write("a.jpg.png/trip/b.jpg", OUTPUTS[1:], BLOBS[1:])
    assert raised.value.transient


def test_a_file_is_not_in_the_way_where_a_file_and_a_folder_may_share_a_name(sink_of):
    rclone = MemoryRclone(DRIVE)
    rclone.put("grayscale/trip", b"a file")
    rclone.before = failing("upload")
    with pytest.raises(TransferError, match="reached") as raised:
        sink_of(rclone).write("trip/a.jpg", OUTPUTS[:1], BLOBS[:1])
    assert raised.value.transient


# --- staging ----


def test_what_a_killed_predecessor_left_half_uploaded_is_swept(sink_of):
    rclone = MemoryRclone(PLAIN)
    rclone.put(f"{STAGING}/0123", b"half")
    sink_of(rclone)
    assert rclone.contents == {}


def test_a_remote_that_is_away_at_the_start_is_swept_before_the_first_upload(sink_of):
    rclone = MemoryRclone(PLAIN)
    rclone.put(f"{STAGING}/0123", b"half")
    rclone.before = failing("purge", times=2)
    sink = sink_of(rclone)
    with pytest.raises(TransferError):
        sink.write("trip/a.jpg", OUTPUTS, BLOBS)
    for _ in range(2):
        sink.write("trip/a.jpg", OUTPUTS, BLOBS)
    assert rclone.contents == WRITTEN
    assert rclone.calls.count(f"purge {STAGING}") == 1


def test_an_atomic_store_is_not_swept(sink_of):
    rclone = MemoryRclone(ATOMIC)
    sink_of(rclone).write("a.jpg", OUTPUTS, BLOBS)
    assert not any(STAGING in call for call in rclone.calls)


@pytest.mark.parametrize("error", [None, ChangedError()])  # ChangedError: another listener has swept it
def test_what_failed_before_it_was_in_its_place_is_tried_again_and_leaves_nothing(sink_of, error):
    rclone = MemoryRclone(PLAIN)
    sink = sink_of(rclone)
    rclone.before = failing("move", error=error)
    with pytest.raises(TransferError) as raised:
        sink.write("trip/a.jpg", OUTPUTS, BLOBS)
    assert raised.value.transient
    assert [path for path in rclone.contents if path.startswith(STAGING)]
    sink.write("trip/a.jpg", OUTPUTS, BLOBS)
    assert rclone.contents == WRITTEN


def test_a_name_that_the_store_does_not_allow_is_reported_and_leaves_nothing(sink_of):
    rclone = MemoryRclone(PLAIN)

    def refuse(call):
        if call.startswith("move"):
            raise TransferError(f"cloud:results/{call.split()[1]}: the store cannot have it.", transient=False)

    rclone.before = refuse
    with pytest.raises(TransferError, match=r"^cloud:results/grayscale/a\.jpg: the store cannot have it\.$") as raised:
        sink_of(rclone).write("a.jpg", OUTPUTS[:1], BLOBS[:1])
    assert not raised.value.transient
    assert rclone.contents == {}


@pytest.mark.parametrize("transient", [False, True])
@pytest.mark.parametrize("facts", [ATOMIC, PLAIN])
def test_of_a_set_that_cannot_be_uploaded_nothing_stays(sink_of, facts, transient):
    rclone = MemoryRclone(facts)
    uploads = iter(range(100))

    def refuse(call):
        if call.startswith("upload") and next(uploads) == 1:
            raise TransferError("cloud:results: no.", transient=transient)

    rclone.before = refuse
    sink = sink_of(rclone)
    with pytest.raises(TransferError):
        sink.write("trip/a.jpg", OUTPUTS, BLOBS)
    assert not WRITTEN.keys() & rclone.contents.keys()
    sink.write("trip/a.jpg", OUTPUTS, BLOBS)
    assert rclone.contents == WRITTEN


# --- copies ----


@pytest.mark.parametrize("facts", [ATOMIC, PLAIN])
def test_outputs_of_the_same_content_are_copied_at_the_store(sink_of, facts):
    rclone = MemoryRclone(facts)
    sink = sink_of(rclone)
    sink.write("trip/a.jpg", OUTPUTS, BLOBS)
    rclone.calls.clear()
    assert sink.copy("trip/a.jpg", "b.jpg", OUTPUTS)
    assert rclone.contents == WRITTEN | {"grayscale/b.jpg": b"gray", "edges/b.jpg.png": b"edges"}
    assert not any(call.startswith("upload") for call in rclone.calls)


def test_outputs_that_are_missing_or_tampered_with_are_not_copied(sink_of):
    rclone = MemoryRclone(ATOMIC)
    sink = sink_of(rclone)
    assert not sink.copy("a.jpg", "b.jpg", OUTPUTS)
    sink.write("a.jpg", OUTPUTS, BLOBS)
    rclone.put("edges/a.jpg.png", b"cut")
    assert not sink.copy("a.jpg", "b.jpg", OUTPUTS)
    assert "grayscale/b.jpg" not in rclone.contents


@pytest.mark.parametrize("facts", [ATOMIC, PLAIN])
def test_an_original_that_vanishes_before_it_is_copied_is_no_fault(sink_of, facts):
    rclone = MemoryRclone(facts)
    sink = sink_of(rclone)
    sink.write("a.jpg", OUTPUTS, BLOBS)
    rclone.before = failing("copy", error=ChangedError())
    assert not sink.copy("a.jpg", "b.jpg", OUTPUTS)


# --- failures ----


def test_a_failure_is_reported_with_its_reason_and_taken_back(sink_of):
    rclone = MemoryRclone(PLAIN)
    sink = sink_of(rclone)
    sink.write_failed("trip/a.jpg", "It is\nno image.", b"text")
    assert rclone.contents == {"failed/trip/a.jpg": b"text", "failed/trip/a.jpg.txt": b"It is\\nno image.\n"}
    sink.write_failed("trip/b.jpg", "No.", None)
    assert "failed/trip/b.jpg" not in rclone.contents
    for path in ("trip/a.jpg", "trip/b.jpg", "trip/never.jpg"):
        sink.clear_failed(path)
    assert rclone.contents == {}


# --- one writer ----


def test_one_output_belongs_to_one_listener(sink_of):
    sink = sink_of(MemoryRclone(ATOMIC))
    with pytest.raises(FleetError, match="Another listener is writing to cloud:results"):
        sink_of(MemoryRclone(ATOMIC))
    sink.close()
    sink_of(MemoryRclone(ATOMIC))


def test_one_that_is_refused_leaves_the_others_spool_alone(sink_of, tmp_path):
    sink_of(MemoryRclone(ATOMIC))
    file = tmp_path / "state/spool/out/0123"
    file.write_bytes(b"on its way")
    with pytest.raises(FleetError):
        sink_of(MemoryRclone(ATOMIC))
    assert file.exists()
    file.unlink()


def test_a_state_folder_that_cannot_be_used_is_one_sentence(sink_of, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(FleetError, match=r"^The folder .* cannot be written: .*\.$"):
        sink_of(MemoryRclone(ATOMIC), "file")
    (tmp_path / "state").mkdir()
    (tmp_path / "state/spool").write_text("no folder")
    with pytest.raises(FleetError, match=r"^The spool .* cannot be used: .*\.$"):
        sink_of(MemoryRclone(ATOMIC))
    (tmp_path / "state/spool").unlink()
    sink_of(MemoryRclone(ATOMIC))


# --- stores that take capitals and small letters for the same ----


@pytest.mark.parametrize(
    ("first", "second"), [("A.jpg", "a.jpg"), ("Trip/a.jpg", "trip/a.jpg"), ("\u00c4.jpg", "a\u0308.jpg")]
)
def test_of_two_names_that_are_one_the_first_keeps_its_outputs(sink_of, first, second):
    rclone = MemoryRclone(FOLDS)
    for sink in (sink_of(rclone), sink_of(rclone, "elsewhere")):  # and one that finds the outputs there
        sink.write(first, OUTPUTS, BLOBS)  # its own may be replaced
        with pytest.raises(TransferError) as raised:
            sink.write(second, OUTPUTS, (b"GRAY", b"EDGES"))
        assert str(raised.value) == (
            f"cloud:results/grayscale/{second} cannot be written: cloud:results/grayscale/{first} is there, and this "
            "store takes capitals and small letters for the same: give one of the images another name."
        )
        assert not raised.value.transient
    assert rclone.contents == {f"grayscale/{first}": b"gray", f"edges/{first}.png": b"edges"}


def test_while_one_of_two_such_names_is_being_written_the_other_is_refused(sink_of):
    rclone = MemoryRclone(FOLDS)
    sink = sink_of(rclone)

    def meanwhile(call):
        if call.startswith("upload"):
            with pytest.raises(TransferError, match="is there, and this store takes capitals"):
                sink.write("a.jpg", OUTPUTS[:1], BLOBS[:1])

    rclone.before = meanwhile
    sink.write("A.jpg", OUTPUTS[:1], BLOBS[:1])
    assert rclone.contents == {"grayscale/A.jpg": b"gray"}


def test_a_name_that_somebody_has_made_free_can_be_taken(sink_of):
    rclone = MemoryRclone(FOLDS)
    sink = sink_of(rclone)
    sink.write("A.jpg", OUTPUTS[:1], BLOBS[:1])
    rclone.remove("grayscale/A.jpg")
    sink.write("a.jpg", OUTPUTS[:1], BLOBS[:1])
    assert rclone.contents == {"grayscale/a.jpg": b"gray"}


def test_an_upload_that_failed_may_have_taken_its_name(sink_of):
    rclone = MemoryRclone(FOLDS)
    sink = sink_of(rclone)
    sink.write("b.jpg", OUTPUTS[:1], BLOBS[:1])
    rclone.before = failing("stat grayscale/A.jpg")
    with pytest.raises(TransferError, match="reached"):
        sink.write("A.jpg", OUTPUTS[:1], BLOBS[:1])
    with pytest.raises(TransferError, match="is there, and this store takes capitals"):
        sink.write("a.jpg", OUTPUTS[:1], BLOBS[:1])


def test_a_folder_is_listed_once(sink_of):
    rclone = MemoryRclone(FOLDS)
    sink = sink_of(rclone)
    for number in range(5):
        sink.write(f"Trip/{number}.jpg", OUTPUTS[:1], BLOBS[:1])
        sink.write(f"trip/other {number}.jpg", OUTPUTS[:1], BLOBS[:1])
    assert [call for call in rclone.calls if call.startswith("names")] == [
        *("names ", "names grayscale", "names grayscale/Trip")
    ]


def test_other_stores_are_not_asked_how_they_spell_a_name(sink_of):
    rclone = MemoryRclone(ATOMIC)
    sink = sink_of(rclone)
    for name in ("A.jpg", "a.jpg"):
        sink.write(name, OUTPUTS[:1], BLOBS[:1])
    assert len(rclone.contents) == 2
    assert not any(call.startswith("names") for call in rclone.calls)
