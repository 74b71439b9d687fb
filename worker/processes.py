"""The processes of `filterfleet worker`: how they are to run, at the start and when the settings are read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from filterfleet.common.client.brokers import check_brokers
from filterfleet.common.config.config import Config
from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import PeerKeys, Role, peer_keys
from filterfleet.common.logs import get_logger, handed_down
from filterfleet.common.process.supervisor import Spec
from filterfleet.common.process.system import cores
from filterfleet.common.shares.names import parse_shares
from filterfleet.worker.launch import arguments
from filterfleet.worker.memory import share

log = get_logger("worker")


@dataclass(frozen=True, slots=True)
class Given:
    """What the user has set of one process: the options of `filterfleet worker`. drain_limit is that of the start: the
    parent waits no longer at the end."""

    broker: str
    backend_port: int
    threads: int
    memory: int | None
    drain_limit: float
    keys: Path | None
    shares: tuple[str, ...]
    no_sandbox: bool

    def changed(self, values: Mapping[str, Any]) -> Given:
        return replace(self, **{name: _frozen(value) for name, value in values.items() if name in LIVE})


LIVE = frozenset(field.name for field in fields(Given)) - {"drain_limit"}  # what may change while they run


class Processes:
    def __init__(self, given: Given, number: int, environment: Mapping[str, str], config: Config | None) -> None:
        """environment is added to that of each. Without a config only the keys are read again. Raises FleetError when
        something is wrong with what is given."""
        self._given = given
        self._number = number
        self._environment = environment
        self._config = config
        self._state = (given, checked(given), handed_down())

    def specs(self, given: Given) -> list[Spec]:
        argv = arguments(
            given.broker,
            given.backend_port,
            given.threads or max(1, cores() // self._number),
            given.memory or share(self._number),
            given.drain_limit,
            given.keys,
            sandbox=not given.no_sandbox,
            shares=given.shares,
        )
        return [Spec(f"worker-{n + 1}", argv, environment=self._environment) for n in range(self._number)]

    def reread(self) -> list[Spec]:
        """Read settings and keys again. Returns the processes as they are to be now, or none if nothing has changed or
        something is wrong, which is told."""
        config, given = self._config, self._given
        if config is not None:
            if not config.reload({*LIVE, "_log_images"}, lambda values: _check(given.changed(values))):
                return []
            given = given.changed(config.values)
        try:
            state = (given, checked(given), handed_down())
        except FleetError as error:
            log.error("keys not read again, the processes keep theirs", reason=str(error))
            return []
        if state == self._state:
            return []
        self._given, self._state = given, state
        log.info("processes are replaced one after another", processes=self._number)
        return self.specs(given)


def checked(given: Given) -> PeerKeys | None:
    """The keys. If something cannot be used, this says so once, and not each process. Raises FleetError."""
    check_brokers(given.broker)
    parse_shares(given.shares)
    return peer_keys(given.keys, Role.WORKER) if given.keys else None


def _check(given: Given) -> None:
    checked(given)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
