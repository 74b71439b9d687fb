from filterfleet.broker.fairness import FairQueue
from filterfleet.broker.state import Task
from tests.unit.broker_rig import Rig

FRESH, BACKFILL = 0, 5


def task(name, client=b"c", priority=BACKFILL, needs=(), avoid=b"", owner=""):
    return Task(client, name, b"", frozenset(needs), priority, 0, (), avoid=avoid, owner=owner)


def drained(queue, eligible=lambda _task: True):
    names = []
    while found := queue.pop(eligible):
        names += [one.id.decode() for one in found]
    return " ".join(names)


def filled(*tasks):
    queue = FairQueue()
    for one in tasks:
        queue.push(one)
    return queue


def test_clients_take_turns():
    queue = filled(*(task(b"a%d" % n, b"a") for n in range(3)), task(b"b0", b"b"), task(b"b1", b"b"), task(b"c0"))
    assert drained(queue) == "a0 b0 c0 a1 b1 a2"


def test_keys_take_turns_and_so_do_the_clients_of_a_key():
    queue = filled(
        *(task(b"a%d%d" % (client, n), b"a%d" % client, owner="A") for client in range(2) for n in range(2)),
        *(task(b"b%d" % n, b"b", owner="B") for n in range(3)),
    )
    assert drained(queue) == "a00 b0 a10 b1 a01 b2 a11"


def test_the_kinds_of_a_key_are_those_of_all_its_clients():
    tasks = [task(b"%d" % n, b"%d" % (n % 3), needs=(f"f{n % 6}",), owner="A") for n in range(12)]
    queue = filled(*tasks, task(b"other", owner="B"))
    assert (queue.kinds("A", b"1"), queue.kinds_of("A"), queue.kinds_of("B"), queue.kinds_of("C")) == (2, 6, 1, 0)
    for one in tasks:
        queue.remove(one)
    assert queue.kinds_of("A") == 0


def test_fresh_tasks_of_any_client_go_before_backfill():
    queue = filled(task(b"old", b"a"), task(b"new", b"a", FRESH), task(b"newer", b"b", FRESH), task(b"older", b"b"))
    assert drained(queue) == "new newer old older"


def test_a_task_that_has_waited_before_goes_to_the_head_of_its_line():
    queue = filled(task(b"1"), task(b"2"))
    queue.push(task(b"again"), first=True)
    assert drained(queue) == "again 1 2"


def test_a_task_that_nobody_can_do_blocks_nobody():
    queue = filled(task(b"rare", needs=("rare",)), task(b"1"), task(b"2", b"b"))
    assert drained(queue, lambda candidate: not candidate.needs) == "1 2"
    assert len(queue) == 1
    assert drained(queue) == "rare"


def test_a_task_that_avoids_a_worker_blocks_nobody_and_is_the_first_for_the_others():
    queue = filled(task(b"1"), task(b"2"), task(b"late", priority=BACKFILL + 1))
    queue.push(task(b"again", avoid=b"slow"), first=True)
    assert queue.pop(lambda candidate: candidate.avoid != b"slow")[0].id == b"1"
    assert drained(queue) == "again 2 late"


def test_a_client_s_tasks_are_begun_in_order_whatever_they_need():
    queue = filled(task(b"1", needs=("a",)), task(b"2", needs=("b",)), task(b"3", needs=("a",)))
    assert drained(queue) == "1 2 3"


def test_a_task_can_be_taken_out():
    one, two = task(b"1"), task(b"2")
    queue = filled(one, two)
    queue.remove(one)
    assert drained(queue) == "2"
    assert len(queue) == 0


def test_a_client_with_a_long_line_does_not_delay_another():
    rig = Rig()
    for n in range(50):
        rig.submit(b"%d" % n, client=b"fx1|busy")
    rig.submit(b"only", client=b"fx1|modest")
    rig.worker(b"fx1|w", slots=2)
    clients = {lease.task.client for lease in rig.core.scheduler.leases.values()}
    assert clients == {b"fx1|busy", b"fx1|modest"}
