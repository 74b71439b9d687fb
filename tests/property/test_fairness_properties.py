"""The queue neither loses nor doubles a task, whatever is pushed, popped and removed."""

import functools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from filterfleet.broker.fairness import FairQueue
from filterfleet.broker.state import Task

clients = st.sampled_from((b"anna", b"berta", b"carl"))
needs = st.sampled_from((frozenset(), frozenset({"a"}), frozenset({"a", "b"})))
workers = st.sampled_from((b"x", b"y"))
avoided = workers | st.just(b"")
served = st.sampled_from((frozenset(), frozenset({"a"}), frozenset({"a", "b"})))
pushes = st.tuples(st.just("push"), clients, needs, avoided, st.integers(0, 2), st.booleans())
pops = st.tuples(st.just("pop"), served, workers)
operations = st.lists(pushes | pops | st.tuples(st.just("remove"), st.integers(0, 99)))


def takes(served, worker, task):
    return task.needs <= served and task.avoid != worker


@given(operations)
def test_every_task_leaves_exactly_once(script):
    queue, inside, left = FairQueue(), [], Counter()
    for number, (what, *details) in enumerate(script):
        if what == "push":
            client, need, avoid, priority, first = details
            task = Task(client, bytes([number]), b"", need, priority, 0, (), avoid=avoid)
            queue.push(task, first=first)
            inside.append(task)
        elif what == "pop":
            taken_by = functools.partial(takes, *details)
            task = next(iter(queue.pop(taken_by)), None)
            candidates = [waiting for waiting in inside if taken_by(waiting)]
            assert (task is None) == (not candidates)
            if task is not None:
                assert task.priority == min(waiting.priority for waiting in candidates)
                inside.remove(task)
                left[task.id] += 1
        elif inside:
            task = inside.pop(details[0] % len(inside))
            queue.remove(task)
            left[task.id] += 1
        assert len(queue) == len(inside)
    while found := queue.pop(lambda _task: True):
        left[found[0].id] += 1
    assert len(queue) == 0
    assert all(times == 1 for times in left.values())
    assert len(left) == sum(what == "push" for what, *_ in script)


@given(st.lists(st.tuples(clients, st.integers(0, 1)), min_size=1, max_size=40))
def test_within_a_priority_no_client_is_served_twice_in_a_row_while_another_waits(script):
    queue = FairQueue()
    for number, (client, priority) in enumerate(script):
        queue.push(Task(client, bytes([number]), b"", frozenset(), priority, 0, ()))
    served = [task for _ in script for task in queue.pop(lambda _task: True)]
    for priority in (0, 1):
        turns = [task.client for task in served if task.priority == priority]
        for index, client in enumerate(turns[:-1]):
            if turns[index + 1] == client:
                assert set(turns[index:]) == {client}  # all other lines are empty


@given(st.lists(st.tuples(clients, needs, avoided), min_size=1, max_size=40))
def test_the_tasks_of_one_client_leave_in_the_order_they_came(script):
    queue = FairQueue()
    for number, (client, need, avoid) in enumerate(script):
        queue.push(Task(client, bytes([number]), b"", need, 0, 0, (), avoid=avoid))
    served = [task for _ in script for task in queue.pop(lambda _task: True)]
    for client in {client for client, *_ in script}:
        own = [task.id for task in served if task.client == client]
        assert own == sorted(own)
