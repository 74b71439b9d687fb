"""The process: one event loop with the web server, the feed, and signs of life for the supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

from filterfleet.common.address import Address
from filterfleet.common.logs import get_logger
from filterfleet.common.process import hangup
from filterfleet.common.process.notify import Notifier
from filterfleet.common.words import of_dashboard
from filterfleet.dashboard.address import hosts_of, is_everywhere, listen
from filterfleet.dashboard.api import Api
from filterfleet.dashboard.app import application
from filterfleet.dashboard.bounded import BoundedProtocol, limit_unread
from filterfleet.dashboard.door import Door
from filterfleet.dashboard.eye import Eye
from filterfleet.dashboard.feed import Feed
from filterfleet.dashboard.files import Files
from filterfleet.dashboard.orders import Desk
from filterfleet.dashboard.reader import Reader
from filterfleet.dashboard.rules import Rules
from filterfleet.dashboard.settings import Settings
from filterfleet.dashboard.studio import StudioApi
from filterfleet.dashboard.token import token_in
from filterfleet.listener.ledger.opening import LEDGER
from filterfleet.studio.session import Studio

BEAT = 1.0  # seconds between two signs of life
GRACE = 2.0  # seconds that answers under way get at the end
HEAD_LIMIT = 16 << 10  # bytes of the head of a request

log = get_logger("dashboard")


def serve(
    settings: Settings, listening: Callable[[Address, str], None], reread: Callable[[], object] = lambda: None
) -> None:
    """Until SIGTERM or SIGINT. listening(address, token) is called as soon as browsers can come, and reread() at each
    SIGHUP. Raises FleetError."""
    token = token_in(settings.state)
    bound = listen(settings.bind)
    with contextlib.closing(bound):
        limit_unread(bound)
        address = Address(settings.bind.host, bound.getsockname()[1])
        rules = Rules(
            token, hosts_of(address, settings.hosts), is_everywhere(address), settings.read_only, settings.behind_https
        )
        listening(address, token)
        asyncio.run(_serve(settings, address, rules, bound, reread))


async def _serve(
    settings: Settings, address: Address, rules: Rules, bound: socket.socket, reread: Callable[[], object]
) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reread)
    hangup.release()
    reader, questions = Reader(settings.state / LEDGER), Reader(settings.state / LEDGER)
    desk = Desk(settings.state)
    eye = Eye(settings, reader)
    feed = Feed(eye.take, eye.rest)
    api = Api(questions, feed, desk, Files(settings.state, settings.folder))
    studio = Studio()
    server = _Server(_config(Door(application(api, feed, StudioApi(studio)), rules, settings.prefix)), feed)
    beating = asyncio.create_task(_beat(server, feed, address))
    try:
        log.info("dashboard started", address=str(address))
        await server.serve(sockets=[bound])
    finally:
        beating.cancel()
        await studio.close()
        await feed.close()
        await eye.rest()
        reader.close()
        questions.close()


def _config(door: Door) -> uvicorn.Config:
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # strangers must not fill our log
    return uvicorn.Config(
        door,
        http=BoundedProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=int(GRACE),
        h11_max_incomplete_event_size=HEAD_LIMIT,
    )


class _Server(uvicorn.Server):
    """Ends the streams first: they would keep it for as long as somebody looks."""

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._feed.end()
        super().handle_exit(sig, frame)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn does it, but the end is an end like any other: the signal is not raised again."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


async def _beat(server: uvicorn.Server, feed: Feed, address: Address) -> None:
    notifier = Notifier()
    while not server.started:
        await asyncio.sleep(0.02)
    notifier.ready()
    while True:
        notifier.alive()
        notifier.status(lambda: of_dashboard(str(address), feed.viewers))
        await asyncio.sleep(BEAT)
