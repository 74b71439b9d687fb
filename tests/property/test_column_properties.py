"""Columns: what is gathered comes apart again as it was, in the same order."""

from hypothesis import given
from hypothesis import strategies as st

from filterfleet.common.wire import Accepted, OutputFile, Result, ResultOk, Submit, Task, encode, parse
from filterfleet.common.wire.columns import gather, rows
from tests.property.messages import cells, ids, messages

small = st.binary(max_size=8)


@st.composite
def alike(draw):
    """Messages of one kind that have much in common."""
    made = draw(
        st.sampled_from((_submit, _task, _result, lambda id_, *_: Accepted(id_), lambda id_, *_: ResultOk(id_)))
    )
    return [made(id_, draw(small), draw(cells)) for id_ in draw(st.lists(ids, min_size=1, max_size=6))]


def _submit(id_, image, _cell):
    return Submit(id_, b"r", ("f",), 5, len(image), (image,) if image else ())


def _task(id_, image, _cell):
    return Task(id_, b"r", len(image), 3.0, payload=(image,) if image else ())


def _result(id_, blob, cell):
    return Result(id_, (OutputFile("a", "png", len(blob)), OutputFile("b", "", 1)), {"n": cell}, (blob, b"x"))


def _accepted(id_, _image, _cell):
    return Accepted(id_)


def _result_ok(id_, _image, _cell):
    return ResultOk(id_)


@given(st.lists(alike() | messages.map(lambda one: [one]), max_size=4), st.integers(1, 40))
def test_what_is_gathered_comes_apart_as_it_was(groups, limit):
    whole = [one for group in groups for one in group]
    gathered = gather(whole, limit)
    assert [one for each in gathered for one in rows(each)] == [one for each in whole for one in rows(each)]
    for each in gathered:
        assert parse(encode([each]), extended=True) == [each]


def test_neighbours_alike_are_one_message():
    jobs = [Submit(b"%d" % n, b"r", ("f",), 5, 3, (b"abc",)) for n in range(2500)]
    assert [len(each.ids) for each in gather(jobs)] == [1024, 1024, 452]
    assert [len(each.ids) for each in gather(jobs[:10], limit=6)] == [2] * 5
    other = Submit(b"x", b"other", ("f",), 5, 3, (b"abc",))
    assert [type(each).__name__ for each in gather([*jobs[:2], other, *jobs[2:4]])] == ["Submits", "Submit", "Submits"]
