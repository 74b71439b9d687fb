"""The futures of jobs' outcomes behave as any other, though they share one lock."""

import threading
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, as_completed, wait

import pytest

from filterfleet.common.client.outcome import Outcome
from filterfleet.common.errors import FleetError
from filterfleet.common.wire import Failed

FAILED = Failed(b"job", "permanent", "No.")


def later(call, *args):
    threading.Timer(0.02, call, args).start()


def test_whoever_waits_gets_what_comes_later():
    one, other = Outcome(), Outcome()
    later(other.set_result, Failed(b"other", "permanent", "No."))
    later(one.set_result, FAILED)
    assert one.result(10) == FAILED
    assert one.done()
    assert one.exception() is None


def test_another_outcome_ends_no_wait():
    one, other = Outcome(), Outcome()
    later(other.set_result, FAILED)
    with pytest.raises(TimeoutError):
        one.result(0.1)
    assert other.done()
    assert not one.done()


def test_an_exception_is_raised_and_told():
    outcome = Outcome()
    later(outcome.set_exception, FleetError("Closed."))
    with pytest.raises(FleetError, match="Closed"):
        outcome.result(10)
    assert isinstance(outcome.exception(), FleetError)


def test_callbacks_are_called_once_before_or_after_the_end():
    outcome, called = Outcome(), []
    outcome.add_done_callback(lambda ended: called.append(("before", ended.result())))
    outcome.set_result(FAILED)
    outcome.add_done_callback(lambda ended: called.append(("after", ended.result())))
    assert called == [("before", FAILED), ("after", FAILED)]


def test_it_runs_from_the_start_and_cannot_be_cancelled():
    outcome = Outcome()
    assert outcome.running()
    assert not outcome.cancel()
    outcome.set_result(FAILED)
    assert not outcome.running()


def test_it_ends_once():
    outcome = Outcome()
    outcome.set_result(FAILED)
    with pytest.raises(InvalidStateError):
        outcome.set_exception(FleetError("Closed."))
    assert outcome.result() == FAILED


def test_the_standard_library_waits_for_many_of_them_beside_others():
    outcomes: list[Future] = [Outcome(), Outcome(), Future()]
    outcomes[1].set_result(FAILED)
    assert wait(outcomes, 10, FIRST_COMPLETED).done == {outcomes[1]}
    later(outcomes[0].set_exception, FleetError("Closed."))
    later(outcomes[2].set_result, FAILED)
    assert {*as_completed(outcomes, 10)} == {*outcomes}
