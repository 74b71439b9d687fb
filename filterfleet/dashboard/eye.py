"""Takes the pictures of a feed: asks ledger, listener and broker, and puts together what they say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from filterfleet.common.client.observer import Observer
from filterfleet.common.errors import FleetError
from filterfleet.common.text import json_text
from filterfleet.dashboard.broker import BrokerWatch, Sight
from filterfleet.dashboard.picture import Ledgered, Listening, picture
from filterfleet.dashboard.rates import Finished, rates_of
from filterfleet.dashboard.reader import Reader
from filterfleet.dashboard.settings import RECENT, WINDOW, Settings
from filterfleet.listener.ledger.history import History
from filterfleet.listener.present import known


class Eye:
    def __init__(self, settings: Settings, reader: Reader) -> None:
        self._reader = reader
        self._state = settings.state
        self._broker = BrokerWatch(lambda: Observer(settings.broker, settings.frontend_port, settings.keys))
        self._paths: dict[str, str] = {}  # of the jobs that run, by the beginnings of their ids
        self._place: Mapping[str, Any] = {
            "output": settings.output,
            "broker_address": settings.broker,
            "read_only": settings.read_only,
        }

    async def take(self) -> bytes:
        """The picture, as JSON in one line."""
        return json_text(await self.look()).encode()

    async def look(self) -> dict[str, Any]:
        sight = await self._broker.look()
        ledger, trouble = await self._ledger(sight)
        listener = Listening() if ledger is None else await asyncio.to_thread(self._listener, ledger)
        return picture(time.time(), ledger, trouble, listener, sight, self._place)

    async def rest(self) -> None:
        """Until the next picture, which may be long."""
        await self._broker.rest()

    async def _ledger(self, sight: Sight) -> tuple[Ledgered | None, str | None]:
        running = [str(lease["job"]) for lease in (sight.report or {}).get("leases", ())]
        try:
            ledger = await self._reader.ask(lambda history: _ledgered(history, self._unknown(running)))
        except FleetError as error:
            return None, str(error)
        self._paths = {job: path for job in running if (path := ledger.paths.get(job) or self._paths.get(job))}
        return replace(ledger, paths=self._paths), None

    def _unknown(self, running: Sequence[str]) -> list[str]:
        """Jobs that run, and whose paths were not looked up before."""
        return [job for job in running if job not in self._paths]

    def _listener(self, ledger: Ledgered) -> Listening:
        """What the listeners of this ledger say of themselves: as a rule there is one."""
        running = [told.present for told in known(self._state) if told.runs and told.present.source in ledger.sources]
        cut_off = next((one.contact for one in running if not one.contact.connected), None)
        return Listening(
            running=bool(running),
            paused=ledger.paused,
            waits=tuple(wait for one in running for wait in one.waits),
            cut_off=None if cut_off is None else (cut_off.reason, cut_off.since),
            output=running[0].output if running else "",
        )


def _ledgered(history: History, running: Sequence[str]) -> Ledgered:
    now = time.time()
    recent = history.jobs(state="done", since=now - WINDOW, limit=RECENT).jobs
    newest = {state: history.jobs(state=state, limit=1).jobs for state in ("done", "failed")}
    counts = history.counts()
    return Ledgered(
        counts={name: getattr(counts, name) for name in ("pending", "done", "failed", "skipped")},
        left_alone=sum(counts.left_alone.values()),
        paused=counts.paused,
        rates=rates_of([Finished(job.worker or "", job.at or 0.0) for job in recent], now),
        sources=[place.source for place in history.places()],
        newest={state: jobs[0].at if jobs else None for state, jobs in newest.items()},
        paths=history.paths(running),
    )
