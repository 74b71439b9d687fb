"""The transfer that belongs to the state of a work."""

from __future__ import annotations

from filterfleet.listener.core.actions import Clear, Copy, Load, TakeAway, Tell, Transfer, Write
from filterfleet.listener.core.settings import Failures, Settings
from filterfleet.listener.core.sidecar import About
from filterfleet.listener.core.work import State, Work


def transfer_of(work: Work, settings: Settings) -> Transfer:
    """Raises AssertionError for a state without a
    transfer."""
    match work.state:
        case State.LOADING:
            return Load(work.path, work.version, work.fresh)
        case State.COPYING:
            assert work.result is not None
            return Copy(work.path, work.original, work.result)
        case State.WRITING:
            assert work.result is not None
            return Write(work.path, work.result, work.fresh, _about(work, settings))
        case State.TELLING:
            with_image = settings.failures is Failures.COPY
            return Tell(work.path, work.version, work.reason, with_image)
        case State.CLEARING:
            return Clear(work.path)
        case State.LEAVING:
            return TakeAway(work.path, work.version)
        case _:
            raise AssertionError(f"{work.path} is {work.state.value}, for which there is no transfer")


def _about(work: Work, settings: Settings) -> About | None:
    return About(work.version, settings.engine, work.turnaround) if settings.sidecar else None
