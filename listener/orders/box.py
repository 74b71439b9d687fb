"""The folder through which commands give a running listener orders, and get its answers.

An order is a file ID.json below orders/ in the state folder, in a folder of its own for each source of the ledger. It
appears whole. The listener carries it out, puts a file ID.answer in its place, and then removes it. While no listener
runs, it waits.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filterfleet.common.errors import FleetError
from filterfleet.common.ours import file_in, folder_in, own_folder
from filterfleet.listener.core.order import Order
from filterfleet.listener.orders.form import from_json, to_json
from filterfleet.listener.state import digest

ORDERS = "orders"  # in the state folder
TAKEN = "listener"  # in a box: the file that a listener locks while it looks into the box
ORDER, ANSWER = ".json", ".answer"

LIMIT = 256 << 20  # bytes of an order: a million paths
KEPT = 3600.0  # seconds that an answer waits for somebody to read it
LOOK = 0.05  # seconds between two looks for an answer


class Box:
    """Orders about one source, and their answers. Everything in it has to be ours (common.ours)."""

    def __init__(self, state: Path, source: str) -> None:
        """source is the source's name in the ledger. Raises FleetError."""
        self.path = state / ORDERS / digest(source)
        with contextlib.ExitStack() as opening:
            home = opening.enter_context(own_folder(state))
            orders = folder_in(home, ORDERS, state / ORDERS)
            opening.callback(os.close, orders)
            self._folder = folder_in(orders, self.path.name, self.path)

    def close(self) -> None:
        os.close(self._folder)

    # --- for those who order ----

    def put(self, order: Order) -> str:
        """Add an order. Returns its id. Raises FleetError."""
        id_ = f"{time.time_ns():020}-{secrets.token_hex(4)}"
        self._write(f"{id_}{ORDER}", to_json(order))
        return id_

    @property
    def has_listener(self) -> bool:
        """Whether a listener looks into this box."""
        with self._opened(TAKEN) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    def answer_to(self, id_: str, patience: float) -> dict[str, Any] | None:
        """The answer to an order, which is forgotten then. None: there is none within `patience` seconds."""
        deadline = time.monotonic() + patience
        while (text := self._read(f"{id_}{ANSWER}")) is None:
            if time.monotonic() >= deadline:
                return None
            time.sleep(LOOK)
        self._remove(f"{id_}{ANSWER}")
        answer: dict[str, Any] = json.loads(text)
        return answer

    # --- for the listener ----

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """While a listener looks into this box."""
        with self._opened(TAKEN) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)  # a command holds its own for an instant
            yield

    def take(self) -> Iterator[tuple[str, Order]]:
        """(id, order) of each order that is not carried out yet, in the order in which they were given. An order that
        cannot be read is answered with the reason."""
        for name in sorted(os.listdir(self._folder)):
            id_ = name.partition(".")[0]
            if not id_:
                continue  # it is being written
            if name == id_ + ORDER:
                try:
                    yield id_, from_json(self._read(name) or b"")
                except FleetError as error:
                    self.answer(id_, {"error": str(error)})
            elif name == id_ + ANSWER and self._age(name) > KEPT:
                self._remove(name)

    def answer(self, id_: str, answer: dict[str, Any]) -> None:
        """The order has been carried out. Raises FleetError."""
        self._write(f"{id_}{ANSWER}", json.dumps(answer).encode())
        self._remove(f"{id_}{ORDER}")

    # --- files ----

    def _write(self, name: str, data: bytes) -> None:
        """A file that appears whole."""
        hidden = f".{name}"
        try:
            with self._opened(hidden) as descriptor, open(descriptor, "wb", closefd=False) as file:
                os.ftruncate(descriptor, 0)
                file.write(data)
            os.rename(hidden, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError as error:
            self._remove(hidden)
            raise FleetError(f"{self.path / name} cannot be written: {error.strerror}.") from None

    def _read(self, name: str) -> bytes | None:
        """None if there is no such file. Raises FleetError for one that is not ours or too large."""
        try:
            os.stat(name, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        with self._opened(name) as descriptor, open(descriptor, "rb", closefd=False) as file:
            data = file.read(LIMIT + 1)
        if len(data) > LIMIT:
            raise FleetError(f"{self.path / name} is larger than an order may be.")
        return data

    def _age(self, name: str) -> float:
        with contextlib.suppress(FileNotFoundError):
            return time.time() - os.stat(name, dir_fd=self._folder, follow_symlinks=False).st_mtime
        return 0.0

    def _remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=self._folder)

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        descriptor = file_in(self._folder, name, self.path / name)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def locks_of(state: Path) -> list[Path]:
    """The files that listeners lock while they look into the boxes below a state folder."""
    return sorted((state / ORDERS).glob(f"*/{TAKEN}"))


@contextlib.contextmanager
def unused(lock: Path) -> Iterator[None]:
    """Keep listeners away from a box. Raises FleetError when there is one."""
    with own_folder(lock.parent) as folder:
        descriptor = file_in(folder, lock.name, lock)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise FleetError("A listener is using this ledger: stop it first.") from None
    finally:
        os.close(descriptor)
