"""A source and an output in one real store."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from filterfleet.listener.cloud.rclone.remote_files import Rclone
from filterfleet.listener.cloud.sink import CloudSink
from filterfleet.listener.cloud.source import CloudSource
from filterfleet.listener.core.scan import Version
from filterfleet.listener.settings.aftermath import After, Keep
from filterfleet.listener.settings.location import Remote
from filterfleet.listener.settings.selection import Selection
from tests.cloud.servers import Server
from tests.cloud.stores import Place
from tests.integration.harness import wait_until

LIMIT = 1000  # bytes up to which images are loaded into memory
# Names that users and cameras give, and names that nobody should give; all of them can be names of local files.
NAMES = (
    *("a.jpg", "IMG 0001.JPG", "trip/day 1/b.png", "é.jpg", "e\u0301.jpg", "漢字/🎈.webp", "r\ufffd.jpg"),
    *(
        "$(touch canary).jpg",
        "`touch canary`.jpg",
        "; touch canary;.jpg",
        "'\".jpg",
        "a\nb.jpg",
        "a\tb.jpg",
        "\x7f.jpg",
    ),
    *(
        "-rf.jpg",
        "--config=x.jpg",
        "~.jpg",
        "~/a.jpg",
        "a..jpg",
        "a...b/c../d.jpg",
        "%2e%2e%2fa.jpg",
        "a?b=c#d&e.jpg",
    ),
    *("*.jpg", "[a-z].jpg", "{a,b}.jpg", "a\\b.jpg", "a:b.jpg", " a .jpg", " / /a.jpg", "\N{FULLWIDTH SOLIDUS}.jpg"),
    *("n" * 251 + ".jpg", "é" * 125 + "n.jpg"),
)


@dataclass
class Rig:
    """A store with a source, kind:bucket/in, and an output, kind:bucket/out."""

    server: Server
    rclone: Rclone
    state: Path
    sinks: list[CloudSink] = field(default_factory=list)

    @property
    def photos(self) -> Place:
        return self.server.root / "in"

    @property
    def results(self) -> Place:
        return self.server.root / "out"

    def source(self, *, selection: Selection | None = None, after: After | None = None) -> CloudSource:
        root = Remote(self.server.kind, "bucket/in")
        return CloudSource(self.rclone, root, self.state / "in", selection or Selection(), after or Keep())

    def sink(self) -> CloudSink:
        self.sinks.append(
            CloudSink(
                self.rclone, Remote(self.server.kind, "bucket/out"), self.state / "spool/out", self.state / "lock"
            )
        )
        return self.sinks[-1]

    @property
    def spooled(self) -> list[Path]:
        return [file for file in self.state.rglob("*") if file.is_file() and file.parent.name in ("in", "out")]


def listed(source: CloudSource, count: int) -> dict[str, Version]:
    """The listing as soon as it has this many images: servers remember folders for a moment."""
    found: dict[str, Version] = {}

    def look() -> bool:
        listing = source.list()
        assert not listing.unread
        found.clear()
        found.update(listing.objects)
        return len(found) == count

    wait_until(look, what=f"a listing of {count}")
    return found
