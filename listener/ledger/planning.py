"""What a listener would do with what a listing of its source shows, according to its ledger. Nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from filterfleet.listener.core.scan import Hidden, Listing, Version
from filterfleet.listener.core.settings import Backfill
from filterfleet.listener.ledger.reading import reader
from filterfleet.listener.ledger.sql import octets

SHOWN = 5  # paths of each kind

_OBJECTS = """
SELECT path, size, mtime_ns, tag, {ctime_ns}, state, transient FROM objects
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND (departure IS NULL OR departure = 'due')
"""
_LISTED = "SELECT 1 FROM listed WHERE source = CAST(:source AS TEXT) AND recipe = :recipe"


@dataclass(slots=True)
class Share:
    """Images of one kind: their number, their bytes, and the paths of the first few."""

    images: int = 0
    bytes: int = 0
    paths: list[str] = field(default_factory=list)

    def add(self, path: str, size: int) -> None:
        self.images += 1
        self.bytes += size
        if len(self.paths) < SHOWN:
            self.paths.append(path)


@dataclass(slots=True)
class Plan:
    """What would be processed: images that are new, that have changed, that are pending, and failures that may have
    passed. touched: size and time are those of an image that is done; it is read, and processed if its content is
    another. What would not: images that are done, that have failed for good, that are skipped, and that are gone."""

    new: Share = field(default_factory=Share)
    changed: Share = field(default_factory=Share)
    pending: Share = field(default_factory=Share)
    again: Share = field(default_factory=Share)
    touched: Share = field(default_factory=Share)
    done: Share = field(default_factory=Share)
    failed: Share = field(default_factory=Share)
    skipped: Share = field(default_factory=Share)
    gone: Share = field(default_factory=Share)

    @property
    def processed(self) -> list[Share]:
        return [self.new, self.changed, self.pending, self.again]


@dataclass(frozen=True, slots=True)
class Known:
    """What a ledger has of an object."""

    version: Version
    state: str
    transient: bool


def known_objects(file: Path, source: str, recipe: str) -> tuple[dict[str, Known], bool]:
    """Every object at a source under a recipe, by path, and whether it was ever listed. Nothing, if there is no ledger
    yet. Raises FleetError."""
    if not file.exists():
        return {}, False
    names = {"source": octets(source), "recipe": recipe}
    with reader(file) as db:
        columns = {name for _, name, *_ in db.execute("PRAGMA table_info(objects)")}
        query = _OBJECTS.format(ctime_ns="ifnull(ctime_ns, 0)" if "ctime_ns" in columns else "0")
        found = {
            path: Known(Version(size, mtime_ns, tag, ctime_ns), state, bool(transient))
            for path, size, mtime_ns, tag, ctime_ns, state, transient in db.execute(query, names)
        }
        return found, db.execute(_LISTED, names).fetchone() is not None


def plan_of(listing: Listing, known: Mapping[str, Known], *, listed: bool, backfill: Backfill) -> Plan:
    """listed: the source was listed before, so that what is new is no backfill."""
    plan = Plan()
    for path, version in listing.objects.items():
        _share(plan, version, known.get(path), skips=backfill is Backfill.NONE and not listed).add(path, version.size)
    hidden = Hidden(listing.unread)
    for path, object_ in known.items():
        if path not in listing.objects and path not in hidden:
            plan.gone.add(path, object_.version.size)
    return plan


def _share(plan: Plan, version: Version, known: Known | None, *, skips: bool) -> Share:
    if known is None:
        return plan.skipped if skips else plan.new
    if not known.version.resembles(version):
        return plan.changed
    match known.state:
        case "done":
            return plan.done if known.version.agrees(version) else plan.touched
        case "failed":
            return plan.again if known.transient or not known.version.agrees(version) else plan.failed
        case "skipped":
            return plan.skipped
        case _:
            return plan.pending
