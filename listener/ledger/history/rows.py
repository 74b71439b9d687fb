"""What a ledger says to people, as plain values. Instants are in seconds since the epoch, sizes in bytes.

Paths, sources and reasons are as they were recorded: escape them before they are shown (common.text.printable), and
write them with common.text.json_text, since a name need not be valid UTF-8. msgspec.to_builtins() makes dicts of these.
"""

from __future__ import annotations

from msgspec import Struct


class Counts(Struct, frozen=True):
    """How many objects of the sources are in each state. skipped: those that were there at the first scan, with
    --backfill none. left_alone: how many files of each kind are no images to us (listener.core.left_alone). paused:
    since when the listener takes nothing new, or None."""

    pending: int
    done: int
    failed: int
    skipped: int
    left_alone: dict[str, int]
    paused: float | None


class Reason(Struct, frozen=True):
    """n images have failed for this reason, the last of them this one. at is None if it was not noted."""

    reason: str
    n: int
    path: str
    at: float | None


class Output(Struct, frozen=True):
    """name: the recipe's output. path: the file below the output's root."""

    name: str
    format: str
    size: int
    path: str


class Job(Struct, frozen=True):
    """One object in its present version.

    id: the short id of its job, or None while its content is not known. at: when it came to its state, or None if that
    was not noted. transient: it failed for a reason that may pass, and is tried again. seconds: from submission to
    outcome; 0 for outputs that were copied from those of another image. stages: the seconds that each stage of its last
    processing took, in the order of the image's way. key: the whole id of its job, in hexadecimal. Images with the same
    content share the short one, and this one only if they share their outputs.
    """

    source: str
    path: str
    id: str | None
    state: str  # pending, done, failed or skipped
    at: float | None
    size: int
    reason: str | None = None
    transient: bool = False
    width: int | None = None
    height: int | None = None
    worker: str | None = None
    seconds: float | None = None
    outputs: tuple[Output, ...] = ()
    stages: dict[str, float] = {}
    key: str | None = None


class Page(Struct, frozen=True):
    """Jobs, the newest first. before: the key of the page that follows, or None. A page may have fewer jobs than were
    asked for, or none, and one may follow all the same: a search looks at a part of a large ledger at a time."""

    jobs: tuple[Job, ...]
    before: str | None


class Attempt(Struct, frozen=True):
    """ending: done, failed, or transient, which is a failure that may pass; or how an attempt of the broker ended after
    which it tried again, as its wire calls it: lost, transient, expired, returned or overtaken. id: the short id of the
    job, if the content was known. seconds: from submission to outcome, if it was submitted; of an attempt of the
    broker, those at the worker."""

    ending: str
    ended: float
    id: str | None = None
    worker: str | None = None
    seconds: float | None = None
    reason: str | None = None


class Story(Struct, frozen=True):
    """Everything that is known of one object. attempts: the oldest first, the last twenty at most. twins: other
    paths with the same content, the first few. departure: due (it is to be taken away from the source), ours (it was),
    theirs (it has vanished), or None."""

    job: Job
    recipe: str
    mtime_ns: int
    tag: str
    fresh: bool
    departure: str | None
    engine: str | None
    notes: str | None
    times: int  # how often the result was recorded
    attempts: tuple[Attempt, ...]
    twins: tuple[str, ...]


class Minute(Struct, frozen=True):
    """What was done in the minute that begins at this instant. failed counts failures, and an image may have several.
    bytes: of the images that are done."""

    at: float
    done: int
    failed: int
    bytes: int


class Part(Struct, frozen=True):
    """What was done from this instant on until the next part begins. quantiles: the seconds from submission until the
    outputs were in their places, for 50 %, 95 % and 99 % of the images, or None if there were none. means: the mean
    seconds of each stage."""

    at: float
    done: int
    failed: int
    bytes: int
    quantiles: tuple[float, ...] | None
    means: dict[str, float]


class Stage(Struct, frozen=True):
    """How long a stage took, over n images, in seconds. See listener.ledger.histogram for the stages and how exact that
    is."""

    name: str
    n: int
    p50: float
    p95: float
    p99: float
