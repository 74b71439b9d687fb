"""All numbers of the broker that can be tuned: waiting times, retries, caps and queues.

The defaults suit photographs on a LAN. Times are in seconds, sizes in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from filterfleet.common.wire.liveness import HEARTBEAT_INTERVAL, MISSED_BEATS
from filterfleet.common.wire.messages import INLINE_LIMIT


@dataclass(frozen=True, slots=True)
class Settings:
    """The core's numbers."""

    # --- presence ----

    # Seconds between two heartbeats to each peer; HELLO tells peers to keep the same pace. A larger value lets a dead
    # worker's tasks wait longer. A smaller value notices a death sooner, and costs a message for each peer and beat.
    interval: float = HEARTBEAT_INTERVAL

    # Intervals of silence after which a peer counts as dead. A larger value forgives slow networks and busy machines. A
    # smaller value notices a death sooner, and takes more living peers for dead.
    missed: int = MISSED_BEATS

    # Peers that are known at once at each port. The next one is not answered until another has gone. A larger value
    # serves a larger fleet; a smaller one limits the memory that strangers can take.
    peers: int = 4096

    # --- leases ----

    # Seconds that a lease lasts. They begin anew whenever a part of the image or of an output is passed on, and with
    # each BEAT that says that the worker has not begun. A larger value allows slower filters and larger images. A
    # smaller value takes a task from a stuck thread sooner, but must exceed the time of the slowest image.
    task_timeout: float = 300.0

    # Seconds until a TASK that its worker never mentions in a BEAT counts as lost on the way. It must exceed the time
    # that the largest inline image takes on the slowest link: below it tasks are sent twice. Above it a lost message
    # costs more time.
    dispatch_patience: float = 60.0

    # Seconds that a basic client's request may be in the broker, waiting or running; its client has given up by then. A
    # larger value lets requests wait for workers longer. A smaller value wastes less work on clients that are gone.
    opaque_life: float = 60.0

    # The longest payload, in bytes, that travels inside one message. Larger images and outputs are pulled in parts
    # through the broker. HELLO tells peers. A larger value saves round trips; a smaller one saves memory at every hop.
    inline_limit: int = INLINE_LIMIT

    # Unknown lease tokens in one BEAT that are answered with CANCEL; the worker mentions the others again in its next
    # one. A larger value clears up faster after a confusion. A smaller value lets one message of a stranger cause less
    # traffic.
    cancels: int = 64

    # --- retries ----

    # Workers that a task may lose, beside other tasks, before it is tried alone. A larger value costs more workers for
    # each image that kills them. A smaller value sends innocent tasks that shared a process to a trial, which is slow.
    shared_losses: int = 3

    # Losses during trials, in a calm fleet and after the task had begun, before the task is given up as poison. A
    # larger value is surer and kills more workers. At 1, a single coincidence is enough for a verdict.
    trial_losses: int = 2

    # Losses of any kind before the task is given up, so that a fleet whose workers die all the time does not try for
    # ever. A larger value survives longer storms; a smaller one may give up innocent tasks in a storm.
    total_losses: int = 20

    # Seconds without the death of any other worker that make a fleet calm, so that a death during a trial says
    # something about the task. It is also the pause between two trials. A larger value makes the judgement surer and
    # trials rarer. A smaller value decides sooner, and may blame a task for a machine that is going down.
    calm: float = 5.0

    # Retries after transient failures, such as a full disk or too little memory. A larger value waits out longer
    # troubles, at twice the delay each time. A smaller value reports the failure sooner.
    failures: int = 3

    # Seconds before the first retry after a transient failure; the delay doubles with every failure. A larger value
    # gives the trouble more time to pass. A smaller value retries sooner and more often while it lasts.
    retry_delay: float = 1.0

    # A random part of the delay, 0 or more, is added to it, up to this fraction, so that tasks that failed together are
    # not retried together. A larger value spreads them wider, and delays them more.
    retry_jitter: float = 0.25

    # Retries after leases that expired. A larger value gives a slow image more chances, each of which may hold a thread
    # for `task_timeout`. A smaller value gives up sooner an image that never ends.
    expiries: int = 2

    # --- races ----

    # A lease counts as late when it has lasted this many times the mean duration, and at least `straggler_age`. A
    # larger value runs fewer tasks twice. A smaller value ends a batch sooner that has one slow worker.
    straggler_factor: float = 4.0

    # Seconds below which no running task counts as late. A larger value runs fewer tasks twice. A smaller value races
    # tasks that were about to end.
    straggler_age: float = 2.0

    # The weight of the newest duration in the mean, above 0 and at most 1. A larger value follows changes of the load
    # sooner. A smaller value is less misled by single long tasks.
    duration_weight: float = 0.125

    # --- caps: over them clients are told to wait ----

    # Tasks held at once, waiting, running and delivered but not acknowledged. A larger value keeps workers busy over
    # longer gaps of the clients, and costs memory. A smaller value refuses sooner, which costs round trips.
    tasks: int = 100_000

    # Kinds of tasks of one client that may wait at once; the filters that a task needs, the worker that it avoids and
    # its priority make a kind. Each free worker is asked about one task of each kind, so a larger value lets one client
    # slow down the granting of all leases. A smaller value refuses clients with very many different recipes.
    kinds: int = 64

    # Bytes of all tasks held: images that came inline, recipes and names. A larger value buffers more images, and costs
    # as much memory. A smaller value refuses sooner. One task larger than this is taken when nothing else is held.
    held_bytes: int = 1 << 30

    # Bytes of results that no client has acknowledged, beside those of leases under way. A larger value lets work go on
    # longer for a client that is slow to acknowledge. A smaller value saves memory and makes such a client wait sooner.
    result_bytes: int = 512 << 20

    # One client may hold this many times the room that is left, of `tasks` and of `held_bytes`. Alone it fills
    # share / (share + 1) of the broker. A larger value uses the broker better with few clients. A smaller value leaves
    # more room for a client that comes later.
    share: float = 8.0

    # The same for tasks of priority 0, the urgent ones. It exceeds `share`, so that a fresh upload finds room although
    # the same client's backfill has used up its share. The nearer it is to `share`, the less room is kept for them.
    urgent_share: float = 64.0

    # Bytes of memory that the process may take beyond what it had at its start and what its tasks and results take,
    # above all for libzmq's queues. Beyond them all connections are closed. A larger value tolerates more and larger
    # messages on their way. A smaller value protects the machine sooner, and may cut off honest peers.
    spare: int = 2 << 30

    # --- what clients are asked to wait for ----

    # Seconds that a client whose task was refused for one of the caps is asked to wait. A larger value saves messages
    # while the broker is full. A smaller value fills it again sooner.
    busy_delay: float = 0.5

    # Seconds until an outcome that was not acknowledged is sent again. A larger value sends less twice to a client that
    # is slow to acknowledge. A smaller value makes up sooner for a message that was lost.
    resend: float = 30.0


# --- the numbers of the shell around the core, which are the same for every broker ----

# Messages that one port may deliver before the other port and the clock have their turn, and the seconds after which it
# stops even earlier. Larger values save work per message under load. Smaller values keep heartbeats more punctual.
DRAIN_LIMIT, DRAIN_TIME = 512, 0.1

# Messages that libzmq keeps for one peer that does not read fast enough; beyond them the peer counts as unreachable. A
# larger value forgives slower peers and costs memory. A smaller one drops them sooner.
SEND_QUEUE = 4096

# Messages that libzmq keeps of one peer until the broker reads them; beyond them its connection waits. A larger value
# takes longer bursts. A smaller value limits the memory that one peer can fill.
RECEIVE_QUEUE = 64

# Seconds that closed sockets get to send what is still queued. A larger value delivers more of it. A smaller value ends
# the broker sooner when peers do not read.
LINGER = 1.0

# Seconds that the ports get to become free after all connections have been closed, and between two attempts to bind
# them. After a longer patience fewer brokers end with an error; a shorter pause is more work and less delay.
REBIND_PATIENCE, REBIND_PAUSE = 10.0, 0.05

# Log lines about each kind of event that are written in each period of these seconds. More lines tell more of what
# happens; fewer keep a flood of events out of the log.
LOG_LINES, LOG_PERIOD = 100, 60.0

# Seconds between two log lines about the same kind of denied peer. A longer interval makes the log shorter, a shorter
# one more exact.
DENIAL_INTERVAL = 10.0

# Seconds between two looks at the memory of the process. A message without end wakes nobody up, so the broker has to
# look. A shorter interval lets less pile up between two looks and costs more wake-ups of an idle broker.
MEMORY_INTERVAL = 0.2

# Seconds that libzmq gets to give back the memory of closed sockets, and between two looks meanwhile. A longer time
# makes it less likely that connections are closed twice for the same flood; everybody waits meanwhile.
SETTLE_TIME, SETTLE_PAUSE = 2.0, 0.02
