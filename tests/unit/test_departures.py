"""Who left, who was cut off and who died: told by whether the same process comes back."""

from filterfleet.broker.actions import Note, Side
from filterfleet.broker.departures import CLOSED, SILENT
from filterfleet.broker.settings import Settings
from filterfleet.common.wire import Credit, Drain, Failed, Status, StatusRequest, encode
from tests.unit.broker_rig import Rig

A, B, AGAIN = b"fx1|worker-a", b"fx1|worker-b", b"fx1|worker-a-again"
CLIENT = b"fx1|client"


class Hearing(Rig):
    """A rig that keeps the notes of the core."""

    def __init__(self, settings=None):
        self.notes = []
        super().__init__(settings)

    def _note(self, actions):
        self.notes += [(note.event, note.fields) for note in actions if isinstance(note, Note)]
        super()._note(actions)

    def said(self, event):
        return [fields for what, fields in self.notes if what == event]

    def introduce(self, peer, host):
        self.frames(Side.BACKEND, peer, [b"\x01"])
        self.from_worker(peer, Credit(1, 1, ("canny",), host, "2"))
        self.keeping_alive.add((Side.BACKEND, peer))


def test_a_worker_that_stays_away_has_died():
    rig = Hearing()
    rig.introduce(A, "one/1")
    rig.submit(b"job-of-a-dead-worker")
    rig.die(A)
    assert rig.counters["workers_disconnected"] == 1
    assert rig.said("worker_disconnected")[0]["jobs"] == [b"job-of-a-dead-worker"[:6].hex()]
    rig.after(CLOSED - 0.1)
    assert "workers_lost" not in rig.counters
    rig.after(1.1)
    assert rig.counters["workers_lost"] == 1
    assert [row.how for row in rig.core.report(rig.now).gone] == ["lost"]
    assert rig.said("worker_lost")[0]["worker"] == "one/1"


def test_a_connection_that_ends_before_its_worker_has_told_its_host_is_no_departure():
    """A cable is mended: the first connection breaks off again, and the worker is here by the second."""
    rig = Hearing()
    rig.frames(Side.BACKEND, A, [b"\x01"])
    rig.introduce(AGAIN, "one/1")
    rig.die(A)
    assert rig.core.report(rig.now).gone == ()


def test_a_worker_that_is_here_twice_for_a_moment_has_not_gone():
    """A cable is mended: a new connection comes first, and the end of the old one is seen later."""
    rig = Hearing()
    rig.introduce(A, "one/1")
    rig.introduce(AGAIN, "one/1")
    rig.die(A)
    rig.after(CLOSED + 1)
    assert rig.core.report(rig.now).gone == ()
    assert "workers_lost" not in rig.counters
    rig.die(AGAIN)
    rig.after(CLOSED + 1)
    assert [row.how for row in rig.core.report(rig.now).gone] == ["lost"]


def test_a_worker_that_comes_back_was_only_cut_off():
    rig = Hearing()
    rig.introduce(A, "one/1")
    rig.silence(A)
    rig.after(10.0)
    assert [row.how for row in rig.core.report(rig.now).gone] == ["silent"]
    rig.introduce(AGAIN, "one/1")
    rig.after(SILENT + 2)
    assert "workers_lost" not in rig.counters
    assert rig.core.report(rig.now).gone == ()
    assert rig.said("worker_admitted")[-1]["away"] > 5.0


def test_a_silent_worker_that_never_comes_back_has_died():
    rig = Hearing()
    rig.introduce(A, "one/1")
    rig.silence(A)
    rig.after(SILENT + 10)
    assert rig.counters["workers_lost"] == 1


def test_a_farewell_and_a_dismissal_are_no_deaths():
    rig = Hearing()
    rig.introduce(A, "one/1")
    rig.introduce(B, "two/2")
    rig.from_worker(A, Drain())
    rig.die(A)
    rig._do(rig.core.on_dismissed(Side.BACKEND, B, rig.now))
    rig.after(SILENT + 10)
    assert "workers_lost" not in rig.counters
    assert (rig.counters["workers_left"], rig.counters["workers_disconnected"]) == (1, 1)
    assert [row.how for row in rig.core.report(rig.now).gone] == ["dismissed", "left"]


def test_the_gone_are_forgotten_after_an_hour():
    rig = Hearing()
    rig.introduce(A, "one/1")
    rig.die(A)
    rig.after(3590)
    assert len(rig.core.report(rig.now).gone) == 1
    rig.after(20)
    assert rig.core.report(rig.now).gone == ()


def test_a_dead_letter_names_the_job_the_worker_and_the_reason():
    rig = Hearing()
    rig.introduce(A, "one/1")
    for job in (b"job-number-1", b"job-number-2", b"job-number-3"):
        rig.submit(job)
        rig.from_worker(A, Failed(rig.token(A), "permanent", "Damaged.", "another/9"))  # which is not for it to say
    said = rig.said("dead_lettered")
    assert [row["job"] for row in said] == [f"{b'job-nu'.hex()}"] * 3
    assert {failed.worker for failed in rig.take(CLIENT, Failed)} == {"one/1"}
    assert said[0] == {"job": b"job-nu".hex(), "worker": "one/1", "reason": "Damaged."}


def test_what_waits_in_vain_is_in_the_report_until_it_has_passed():
    rig = Hearing()
    rig.submit(b"job", needs=("sepia",))
    assert rig.core.report(rig.now).waits == ("no worker at all",)
    rig.introduce(A, "one/1")
    assert rig.core.report(rig.now).waits == ("no worker has the filter `sepia`",)
    rig.worker(B, filters=("sepia",))
    assert rig.core.report(rig.now).waits == ()


def test_filters_that_no_single_worker_has_are_waited_for():
    rig = Hearing()
    rig.worker(A, filters=("sepia",))
    rig.worker(B, filters=("canny",))
    rig.submit(b"job", needs=("canny", "sepia"))
    assert rig.core.report(rig.now).waits == ("no single worker has all of these: the filters `canny`, `sepia`",)


def test_whoever_may_work_may_ask_how_the_fleet_is_without_becoming_a_worker():
    rig = Hearing()
    rig.introduce(A, "one/1")
    rig.submit(b"job")
    rig.frames(Side.BACKEND, B, encode([StatusRequest()]), owner="somebody")
    (status,) = rig.take(B, Status)
    assert (status.report["running"], status.report["workers"], status.report["leases"]) == (1, [], [])
    assert list(rig.core.scheduler.workers) == [A]


def test_a_worker_sees_those_of_its_own_key():
    rig = Hearing()
    for peer, host, owner in ((A, "one/1", "mine"), (B, "two/2", "theirs")):
        rig.frames(Side.BACKEND, peer, [b"\x01"])
        rig.frames(Side.BACKEND, peer, encode([Credit(1, 1, ("canny",), host, "2")]), owner=owner)
    rig.frames(Side.BACKEND, b"fx1|asks", encode([StatusRequest()]), owner="mine")
    (status,) = rig.take(b"fx1|asks", Status)
    assert [worker["host"] for worker in status.report["workers"]] == ["one/1"]


def test_a_report_names_the_oldest_leases_and_no_more():
    rig = Hearing()
    rig.worker(A, slots=400, threads=400)
    for number in range(300):
        rig.submit(b"%08d-job" % number)
    leases = rig.core.report(rig.now).leases
    assert len(leases) == 256
    assert leases[0].job == b"00000000".hex()


def test_each_image_is_told_only_to_those_who_want_it():
    for wanted in (True, False):
        rig = Hearing(Settings(log_images=wanted))
        rig.introduce(A, "one/1")
        rig.submit(b"job-number-1")
        rig.result(A, rig.token(A), (b"png",))
        rig.after(1.0)
        assert bool(rig.said("image done")) is wanted
