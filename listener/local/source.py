"""A folder of this machine as a source."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

from filterfleet.common.blob import FileBlob, sha256_of, whole
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.names import has_no_extension
from filterfleet.common.logs import get_logger
from filterfleet.common.opening import LinkError, NotAFileError, open_file
from filterfleet.common.text import size_text
from filterfleet.common.wire.messages import BLOB_LIMIT
from filterfleet.listener.core.left_alone import Tally
from filterfleet.listener.core.scan import ROOT, Listing, Version
from filterfleet.listener.interfaces import ChangedError, Loaded, TransferError, Watch
from filterfleet.listener.local.clock import FileClock
from filterfleet.listener.local.inside import Inside, version_of
from filterfleet.listener.local.sniffing import Sniffer
from filterfleet.listener.settings.aftermath import TARGETS, After, Delete, Keep, MoveTo, is_departed
from filterfleet.listener.settings.ignore import LIMIT, IgnoreFile
from filterfleet.listener.settings.selection import IGNORE_FILE, Selection

if TYPE_CHECKING:
    from filterfleet.listener.local.watch import Notices

# Names that a glance goes through for each file that it is to find: those of folders cost next to nothing. With a
# larger value, it finds files behind more folders; with a smaller one, it ends sooner where there are no images.
NAMES = 40

log = get_logger("listener")


class Folder:
    """A Source."""

    atomic = False
    remote = False

    def __init__(
        self,
        root: Path,
        selection: Selection = Selection(),  # noqa: B008 - frozen
        after: After = Keep(),  # noqa: B008 - frozen
        *,
        links: bool = False,
    ) -> None:
        """links: links to files outside root are followed, else they are left out."""
        self.root = root
        self.name = str(root)
        self._inside = Inside(root, links=links)
        self._ignore_file = IgnoreFile(selection)
        self._ignore_trouble = ""  # the reason that was logged last
        self._sniffer = Sniffer(self._inside)
        self._clock = FileClock(Path(os.path.realpath(root)))
        self._after = after
        self._outside_told = False
        self._interrupted = False
        self._notices: Notices | None = None

    def interrupt(self) -> None:
        """Break off the listing under way, which may take long, and those to come. From any thread."""
        self._interrupted = True

    def list(self) -> Listing:
        """Every selected image file, in every folder that is neither hidden nor shunned. Links to folders are not
        followed."""
        if self._notices is not None:
            self._notices.check()
        self._follow_ignore_file()
        clock_ns = self._clock.read()
        found = _Found()
        for _ in self._walk(found):
            if self._interrupted:
                return Listing({}, {ROOT: "The listener is ending."})
        self._tell_outside(found.outside)
        return Listing(found.objects, found.unread, found.left_alone.counts, clock_ns=clock_ns)

    def glance(self, most: int) -> Listing:
        self._follow_ignore_file()
        clock_ns = self._clock.read()
        found = _Found()
        with contextlib.closing(self._walk(found)) as steps:
            for _ in islice(steps, NAMES * most):
                if len(found.objects) >= most:
                    break
        return Listing(found.objects, clock_ns=clock_ns)

    def _walk(self, found: _Found) -> Generator[None, None, None]:
        """Sort everything into found, one name in each step."""
        while found.folders:
            folder = found.folders.pop()
            try:
                with self._inside.folder(folder, read=True) as descriptor, os.scandir(descriptor) as entries:
                    for entry in entries:
                        if not entry.name.startswith("."):
                            self._sort(folder + entry.name, entry, found)
                        yield
            except OSError as error:
                if folder and isinstance(error, FileNotFoundError | NotADirectoryError | LinkError):
                    continue  # it has just gone, and with it what was in it
                found.unread[folder or ROOT] = f"The folder cannot be read: {error.strerror}."

    def _sort(self, path: str, entry: os.DirEntry[str], found: _Found) -> None:
        try:
            if entry.is_dir(follow_symlinks=False):
                if not self._shuns(path):
                    found.folders.append(path + "/")
            elif not self._may_be_image(path):
                if self._wants(path, 0):
                    self._count(path, entry, found.left_alone)
            elif entry.is_symlink() and self._wants(path, 0) and self._inside.leads_out(path):
                found.outside.append(path)
            elif version := self._image(path, entry.stat(follow_symlinks=False)):
                found.objects[path] = version
            elif self._wants(path, 0):
                self._count(path, entry, found.left_alone)
        except FileNotFoundError:
            return  # it has just gone
        except OSError as error:
            found.unread[path] = f"The file cannot be looked at: {error.strerror}."

    def _shuns(self, folder: str) -> bool:
        """Whether nothing in this folder is wanted, so that nobody needs to look into it."""
        return self._ignore_file.selection.shuns(folder) or is_departed(f"{folder}/", self._after)

    def _image(self, path: str, found: os.stat_result) -> Version | None:
        """The version of a file that may be an image, if it is a selected one. found: of the link if it is one. Raises
        OSError."""
        if stat.S_ISLNK(found.st_mode):
            if not self._wants(path, 0) or self._inside.leads_out(path):
                return None
            try:
                found = (self.root / path).stat()
            except OSError:  # it leads nowhere, or to a place that we may not enter
                return None
        version = version_of(found)
        if version is None or not self._wants(path, version.size):
            return None
        if not self._is_sniffed(path):
            return version
        sniffed = self._sniffer.format_of(path, version)
        return None if sniffed is None or sniffed in self._ignore_file.selection.unreadable else version

    def _count(self, path: str, entry: os.DirEntry[str], left_alone: Tally) -> None:
        """Count a file that the user may take for an image, though we do not. Raises OSError."""
        if not self._is_sniffed(path):
            if not self._ignore_file.selection.takes(path) and entry.is_file():
                left_alone.add(path)
        elif version := version_of(entry.stat()):
            found = self._sniffer.format_of(path, version)
            if found in self._ignore_file.selection.unreadable:
                left_alone.add(path, found)

    def _may_be_image(self, path: str) -> bool:
        """Whether it is one by its name, or its first bytes have to be looked at."""
        return self._ignore_file.selection.takes(path) or self._is_sniffed(path)

    def _is_sniffed(self, path: str) -> bool:
        """Whether the first bytes of a file are looked at."""
        return self._ignore_file.selection.sniff and has_no_extension(path)

    def _wants(self, path: str, size: int) -> bool:
        return self._ignore_file.selection.wants(path, size) and not is_departed(path, self._after)

    def _follow_ignore_file(self) -> None:
        """A file that cannot be read changes nothing, and is told once."""
        try:
            self._ignore_file.update(self._read_ignore_file())
            trouble = ""
        except OSError as error:
            trouble = f"{error.strerror}"
        if trouble and trouble != self._ignore_trouble:
            log.warning("the ignore file cannot be read", file=IGNORE_FILE, reason=trouble)
        self._ignore_trouble = trouble

    def _read_ignore_file(self) -> bytes | None:
        try:
            with os.fdopen(self._inside.open(IGNORE_FILE), "rb") as file:
                return file.read(LIMIT + 1)
        except FileNotFoundError:
            return None

    def _tell_outside(self, outside: Sequence[str]) -> None:
        """Say once that there are links that are not followed, and again when there were none in between."""
        if outside and not self._outside_told:
            log.error(
                "links that lead out of the source are left out",
                links=len(outside),
                first=outside[0],
                advice="--follow-links follows them",
            )
        self._outside_told = bool(outside)

    def load(self, path: str, version: Version, inline_limit: int) -> Loaded:
        if version.size > BLOB_LIMIT:
            raise ImageError(f"The file has more than {size_text(BLOB_LIMIT)}, which is the most that is processed.")
        with self._in_words("read"), contextlib.ExitStack() as closing:
            file = closing.enter_context(OneVersion(self._inside.open(path), version, path))
            file.check()
            blob = whole(file) if version.size <= inline_limit else file
            digest = sha256_of(blob)
            file.check()
            if blob is file:
                closing.pop_all()  # the caller closes it
            return Loaded(digest, blob)

    def take_away(self, path: str, version: Version) -> None:
        folder, _, name = path.rpartition("/")
        with (
            self._in_words("taken away"),
            contextlib.suppress(FileNotFoundError),
            self._inside.folder(folder) as parent,
        ):
            with OneVersion(self._open_in(parent, name, path), version, path) as found:
                found.check()
            if isinstance(self._after, Delete):
                os.unlink(name, dir_fd=parent)
            elif isinstance(self._after, MoveTo):
                self._move(parent, name, path, self._after)

    def _open_in(self, folder: int, name: str, path: str) -> int:
        """The file with this path, whose folder is open already. Raises OSError."""
        try:
            return open_file(name, folder=folder, links=False)
        except LinkError:
            return self._inside.open(path)

    def _move(self, parent: int, name: str, path: str, after: MoveTo) -> None:
        """A rename would replace a file that has the name, so an empty file takes the name first."""
        for number in range(1, TARGETS):
            folder, _, target = after.target(path, number).rpartition("/")
            with self._inside.folder(folder, make=True) as there, contextlib.suppress(FileExistsError):
                os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=there))
                try:
                    os.rename(name, target, src_dir_fd=parent, dst_dir_fd=there)
                except OSError:
                    os.unlink(target, dir_fd=there)
                    raise
                return
        reason = f"The file cannot be moved: {after.folder} has too many files with its name."
        raise TransferError(reason, transient=False)

    @contextlib.contextmanager
    def _in_words(self, done: str) -> Iterator[None]:
        """Turns OSError into ChangedError and TransferError."""
        try:
            yield
        except (FileNotFoundError, NotADirectoryError, NotAFileError, LinkError):
            raise ChangedError from None  # something else has taken the place of the file, or of its folder
        except OSError as error:
            reason = f"The file cannot be {done}: {error.strerror}."
            raise TransferError(reason, transient=True, alone=self._inside.is_of_one_file(error)) from None

    def watch(self, changed: Callable[[str], None]) -> Watch:
        # Watchdog, which a source that is listed once does without.
        from filterfleet.listener.local.watch import Notices

        self._notices = Notices(self.root, lambda path: changed(ROOT if path == IGNORE_FILE else path))
        self._notices.start()
        return Watch(self._notices.stop)

    @property
    def place(self) -> str:
        return self.name

    def look(self, paths: Iterable[str]) -> dict[str, Version]:
        """Those of these paths that list() would find. Looks at no other files."""
        found = {}
        for folder, inside in groupby(sorted(paths), lambda path: path.rpartition("/")[0]):
            with contextlib.suppress(OSError), self._inside.folder(folder) as parent:  # no folder, or a link to one
                for path in inside:
                    with contextlib.suppress(OSError):  # list() reports what cannot be looked at
                        if version := self._look(path, parent):
                            found[path] = version
        return found

    def _look(self, path: str, folder: int) -> Version | None:
        """folder: of the path. Raises OSError."""
        if path.startswith(".") or "/." in path or not self._may_be_image(path):
            return None
        return self._image(path, os.stat(path.rpartition("/")[2], dir_fd=folder, follow_symlinks=False))


class _Found:
    """What a listing has found so far. folders: those still to be looked into. outside: links that lead out."""

    def __init__(self) -> None:
        self.folders = [""]
        self.objects: dict[str, Version] = {}
        self.unread: dict[str, str] = {}
        self.left_alone = Tally()
        self.outside: list[str] = []


class OneVersion(FileBlob):
    """A file that cannot be read any more once it is another version. path: below the source."""

    def __init__(self, descriptor: int, version: Version, path: str) -> None:
        super().__init__(descriptor)
        self.path = path
        self._version = version

    def check(self) -> None:
        """Raises ChangedError if the file is another version."""
        found = version_of(os.fstat(self.fileno()))
        if found is None or not found.agrees(self._version):
            raise ChangedError

    def read(self, offset: int, length: int) -> bytes:
        data = super().read(offset, length)
        self._check_sent()
        return data

    def read_into(self, buffer: bytearray, offset: int) -> int:
        count = super().read_into(buffer, offset)
        self._check_sent()
        return count

    def _check_sent(self) -> None:
        """Raises OSError if the file is another version."""
        try:
            self.check()
        except ChangedError:
            raise OSError(0, "it changed while it was being sent") from None
