"""The numbers that the listener decides by, and the choices of its user."""

from __future__ import annotations

import enum
from dataclasses import dataclass

# --- how often the source is looked at ----

# Seconds from a notification to the scan that it causes. More: a burst of notifications costs one scan. Less: a fresh
# upload is noticed sooner.
HINT_DELAY = 0.1
# The same for looks at single files, where each costs next to nothing.
LOOK_DELAY = 0.02
# A scan that took t seconds is followed by a pause of at least SHARE * t. More: scans take a smaller share of the
# listener's and of the source's time. Less: changes that nobody notifies of are found sooner in a slow source.
SHARE = 10.0
# The same for looks at single files, where each costs next to nothing. More: a burst of uploads takes a smaller share
# of the listener's time. Less: a fresh upload to a busy machine, where a short look takes long, is noticed sooner.
LOOK_SHARE = 1.0
# The largest share of a pause by which it is lengthened at random. More: listeners that started together ask a cloud at
# more different instants. Less: pauses are more regular.
JITTER = 0.1
# Seconds between two looks at a file that may still grow, at least. More: fewer looks. Less: a shorter settle time is
# kept more exactly.
SETTLE_MINIMUM = 0.05

# Seconds between two notes about the kinds of files that are left alone, at least. More: a source in which such files
# come and go fills the log less. Less: a new kind is noted sooner.
KINDS_PAUSE = 3600.0

# Findings of a scan that are taken up at once, and at most in each turn from then on. More: a large source is in the
# ledger sooner. Less: what happens meanwhile is noticed sooner, and the first image is on its way sooner.
FIRST_FINDINGS, FINDINGS = 64, 2000

# Objects that a glance is to find, so that work begins before everything has been listed. More: the glance takes
# longer, and more objects go before older ones. Less: they do not keep the engine busy until there are more.
GLANCE = 256

# --- when a scan is believed ----

# The share of all known objects, and the number of objects, that may vanish between two scans and be believed gone; the
# larger of both counts. More: mass deletions are forgotten as their user wishes. Less: a source that shows nothing
# for a moment, such as a share that is not mounted, costs less.
MASS = 0.2
MASS_MINIMUM = 10
# Seconds during which a store may list an object that cannot be loaded. More: a slow store has longer to become
# consistent. Less: an object that nobody can ever load is reported as failed sooner.
HIDING = 10.0

# --- how much is under way ----

# Bytes in memory of all images and outputs under way. An object that is larger goes when it is alone there. More: more
# large images are under way at once. Less: the listener takes less memory.
MEMORY = 128 << 20
# Fresh objects that may be under way beyond the window. More: fresh uploads wait less behind a backfill. Less: a burst
# of uploads fills the engine's queue less.
RESERVE = 16
# The part of a window that has to be free, once it was full, until it is filled again: one REFILLth. A larger value
# keeps an engine with a small window busier. With a smaller one, more objects are loaded and submitted at once, which
# costs less for each.
REFILL = 8
# Objects whose outputs are made, and not recorded yet, that may be under way beyond the window. More: an engine that
# takes few images at once gets others while a slow disk makes the outputs durable. Less: a crash leaves less to be made
# again.
MADE = 32
# Bytes in temporary files of all images and outputs under way, unless the user says otherwise. An object that is larger
# goes when it is alone there. More: more large objects are under way at once. Less: the disk of $TMPDIR can be smaller.
DISK = 1 << 30

# While at least MANY objects are under way, so that nothing waits for any one of them, events gather for BREATH
# seconds. More seconds, or fewer objects: a turn is shared by more events. Fewer seconds, or more objects: each is
# answered sooner.
MANY, BREATH = 64, 0.01

# --- what is made durable together ----

# Seconds for which outputs wait for others at most, and how many paths are enough, before they are published. More: a
# path costs fewer calls of the file system and commits. Less: outputs appear sooner. Nothing waits when no other path
# is under way.
GATHER, ENOUGH = 0.1, 16
# The share of the time that a fresh upload has taken for which its outputs wait at most. More: a burst of uploads costs
# less. Less: they appear sooner.
HASTE = 0.1
# The most paths that are published together. More: a path costs less still where outputs come faster than a disk makes
# them durable. Less: a fresh upload waits behind fewer others.
MOST_TOGETHER = 32

# --- when a transfer is tried again ----

# Attempts at one object while transfers of other objects succeed. More: a flaky object gets more chances. Less: a bad
# object is reported sooner.
TRIES = 3
# Seconds before the first and before every late attempt of an outage; the pause doubles in between. More: a place in
# trouble is asked less often. Less: work goes on sooner after an outage.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0


class Backfill(enum.StrEnum):
    """What happens to the images that a source holds when it is first listed."""

    OLDEST = "oldest"  # all are processed, the oldest first
    NEWEST = "newest"  # all are processed, the newest first
    NONE = "none"  # none is processed


class Failures(enum.StrEnum):
    """What the folder failed/ at the output gets for an image that cannot be processed."""

    COPY = "copy"  # the reason and a copy of the image
    REASON = "reason"  # the reason
    OFF = "off"  # nothing


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the core decides by. Times are in seconds, sizes in bytes.

    settle: how long an object must look the same before it counts as completely written. More: files that grow with
        pauses are safe. Less: a fresh upload is processed sooner. 0: one look is enough.
    interval: the pause between two scans, at least. More: fewer calls of a cloud. Less: changes that nobody notifies of
        are found sooner.
    once: end as soon as nothing is left to do.
    backfill, failures: see Backfill and Failures.
    departs: an image leaves the source when its outputs are in place.
    engine: the engine's name, for the records.
    window: objects under way at once. More: the engine never waits for work. Less: less memory, and a fresh upload
        waits behind fewer others.
    small: the size up to which an image is held in memory; a larger one is in a temporary file.
    spool: all temporary files together. See DISK.
    spooled_in, spooled_out: images, or outputs, of any size pass through temporary files, because that end is a cloud.
    once_patience: with `once`, how long the source may be away, and an object may fail, before it is given up.
    another_try: without `once`, how long until an object that failed for a passing reason is tried again. More: a
        permanent trouble costs less. Less: an object recovers sooner.
    progress: seconds between two notes about the progress.
    sidecar: each image gets one (listener.core.sidecar). It names the SHA-256 of the outputs, which are only at hand
        where they are made, so that none are copied from another image with the same content.
    log_images: each image that is done is a note, too.
    """

    settle: float
    interval: float
    once: bool = False
    backfill: Backfill = Backfill.OLDEST
    failures: Failures = Failures.OFF
    departs: bool = False
    engine: str = ""
    window: int = 16
    small: int = 8 << 20
    spool: int = DISK
    spooled_in: bool = False
    spooled_out: bool = False
    once_patience: float = 60.0
    another_try: float = 600.0
    progress: float = 60.0
    sidecar: bool = False
    log_images: bool = False
