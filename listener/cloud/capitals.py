"""Names that differ in capitals alone, in stores that take them for one: OneDrive, Dropbox, Box, SMB."""

from __future__ import annotations

import contextlib
import threading
import unicodedata
from collections.abc import Iterable, Iterator

from filterfleet.listener.cloud.rclone.errors import shown
from filterfleet.listener.cloud.rclone.remote_files import Rclone
from filterfleet.listener.interfaces import TransferError


class Capitals:
    """Keeps an output from replacing that of an image whose name differs in capitals alone. Any thread may call it.

    Such a store finds a file under any spelling, and tells the one that it has only when its folder is listed. So each
    folder is listed once, and again before an image is refused. Other stores are not asked anything.
    """

    def __init__(self, rclone: Rclone, root: str) -> None:
        """root: the remote's folder below which all others are, as rclone names it."""
        self._rclone = rclone
        self._root = root
        self._lock = threading.Lock()
        self._folders: dict[str, dict[str, str]] = {}  # the names in each, by their folded form
        self._under_way: dict[str, str] = {}  # places, by their folded form

    @contextlib.contextmanager
    def kept(self, place: str) -> Iterator[None]:
        """While a file is brought to a place. Raises TransferError if the store has it in another spelling."""
        if not self._rclone.facts(self._root).folds:
            yield
            return
        folded = _folded(place)
        with self._lock:
            other = self._under_way.get(folded, place)
            if other == place and (other := self._spelling(place)) != place:
                self._folders.clear()  # somebody else may have removed that file
                other = self._spelling(place)
            if other != place:
                raise TransferError(
                    f"{shown(self._root, place)} cannot be written: {shown(self._root, other)} is there, and this "
                    "store takes capitals and small letters for the same: give one of the images another name.",
                    transient=False,
                )
            self._under_way[folded] = place
        try:
            yield
        except BaseException:
            with self._lock:
                self._folders.clear()  # nobody knows whether it is there
            raise
        else:
            with self._lock:
                self._add(place)
        finally:
            with self._lock:
                del self._under_way[folded]

    def _spelling(self, place: str) -> str:
        """What the store calls the file at a place; the place itself if there is none. Raises TransferError."""
        found: list[str] = []
        for part in place.split("/"):
            name = self._names("/".join(found)).get(_folded(part))
            if name is None:
                return place
            found.append(part if _composed(name) == _composed(part) else name)
        return "/".join(found)

    def _names(self, folder: str) -> dict[str, str]:
        if folder not in self._folders:
            self._folders[folder] = _by_folded(self._rclone.names(self._root, folder))
        return self._folders[folder]

    def _add(self, place: str) -> None:
        """Remember a file, and the folders above it, in the folders that have been listed."""
        above = ""
        for part in place.split("/"):
            if (names := self._folders.get(above)) is not None:
                part = names.setdefault(_folded(part), part)  # noqa: PLW2901 - a folder keeps its spelling
            above = f"{above}/{part}".lstrip("/")


def _by_folded(names: Iterable[str]) -> dict[str, str]:
    return {_folded(name): name for name in names}


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return _composed(name).casefold()
