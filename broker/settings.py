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

    # Peers that each port serves at once. One more is not answered until another has gone. A larger value serves a
    # larger fleet. A smaller value limits the memory that strangers can take.
    peers: int = 4096

    # --- leases ----

    # Seconds that a lease lasts. They start again whenever the broker passes on a part of the image or of an output,
    # and with each BEAT that says that the worker has not begun. A larger value allows slower filters and larger
    # images. A smaller value takes a task away from a stuck thread sooner, but must exceed the time of the slowest
    # image.
    task_timeout: float = 300.0

    # Seconds until a TASK that its worker never mentions in a BEAT counts as lost on the way. A larger value loses more
    # time when a message is lost. A smaller value leases tasks again that are still on their way, unless it exceeds the
    # time that the largest inline image takes on the slowest link.
    dispatch_patience: float = 60.0

    # Seconds that a basic client's request may wait and run; the client has given up by then. A larger value lets
    # requests wait longer for a worker. A smaller value wastes less work on clients that are gone.
    opaque_life: float = 60.0

    # Seconds that the content of a basic client's request is remembered after a worker has died of it. A larger value
    # costs fewer workers when somebody repeats it for long. A smaller value tries it again sooner.
    repeat_life: float = 600.0

    # Contents that are remembered in this way; the oldest is forgotten for a new one. A larger value takes more memory.
    # A smaller value lets many different images that kill workers hide each other.
    repeats: int = 1024

    # Bytes of payload that one message may carry; HELLO tells peers. Larger images and outputs are pulled through the
    # broker in parts. A larger value saves round trips. A smaller value saves memory at every hop.
    inline_limit: int = INLINE_LIMIT

    # Unknown lease tokens in one BEAT that are answered with CANCEL; the next BEAT brings up the others again. A larger
    # value stops pointless work sooner. A smaller value limits the traffic that one message of a stranger causes.
    cancels: int = 64

    # --- parts of blobs: a peer that asks and does not read must not fill the memory of others ----

    # Parts of 1 MiB that one peer may have under way: asked for, or sent to it and not read. A larger value keeps a
    # line with a longer round trip busy. A smaller value limits the memory that a peer which does not read can take.
    parts_of_peer: int = 32

    # Parts of one lease that may be asked for and not answered; more requests are dropped, and our peers repeat those.
    # A larger value suits peers that ask for more at once. A smaller value limits the requests that are kept. Our own
    # peers ask for 4.
    parts_of_lease: int = 8

    # Seconds after which a request that comes again is passed on again. A larger value makes up for lost messages
    # later. A smaller value lets a peer have one part sent more often; our peers repeat a request after 5 s.
    part_repeat: float = 2.5

    # Seconds until a request without an answer, which nobody has repeated, is forgotten. A larger value lets lost
    # messages take up the room of others for longer. A smaller value drops answers that come over slow lines.
    part_life: float = 30.0

    # Seconds between two looks whether a peer has read what was sent to it. A larger value leaves fast lines idle. A
    # smaller value costs processor time while requests wait.
    part_look: float = 0.01

    # The parts that pass may be this many times as large as the blobs of their lease; further ones do not renew it. A
    # larger value forgives more lost messages. A smaller value ends a pull sooner that never comes to its end.
    pulls: int = 4

    # Seconds that an acknowledgement may wait for others to travel with. A larger value saves messages. A smaller value
    # lets peers forget sooner what they may forget.
    hold: float = 0.005

    # --- retries ----

    # Workers that a task loses, beside other tasks, before it is tried alone. A larger value costs more workers for
    # each image that kills them. A smaller value puts more innocent tasks on trial, which takes time.
    shared_losses: int = 3

    # Losses during trials, in a calm fleet and after the task had begun, before the task is given up as poison. A
    # larger value is surer, and kills more workers. At 1, a single coincidence condemns an innocent task.
    trial_losses: int = 2

    # Losses of any kind before the task is given up, so that nothing is tried for ever in a fleet whose workers die all
    # the time. A larger value survives longer storms of deaths. A smaller value may give up innocent tasks in a storm.
    total_losses: int = 20

    # Seconds without any other death after which the fleet is calm, so that a death during a trial says something about
    # the task on trial. After a death during a trial, the next trial waits as long. A larger value judges more surely,
    # and holds fewer trials. A smaller value decides sooner, and may blame a task for a machine that is going down.
    calm: float = 5.0

    # Retries after transient failures, such as a full disk or too little memory. A larger value outlasts longer
    # troubles, because the delay doubles each time. A smaller value reports the failure sooner.
    failures: int = 3

    # Seconds before the first retry after a transient failure. A larger value gives the trouble more time to pass. A
    # smaller value retries sooner, and uses up the retries sooner.
    retry_delay: float = 1.0

    # Each retry is delayed by an additional random time of up to this fraction of the delay. A larger value spreads
    # tasks that failed together more widely. At 0 they are all retried at the same moment.
    retry_jitter: float = 0.25

    # Retries after leases that expired. A larger value gives a slow image more chances, each of which may hold a thread
    # for `task_timeout`. A smaller value gives up an endless image sooner.
    expiries: int = 2

    # --- races ----

    # A lease is late when it has lasted this many times the mean duration, and `straggler_age` at least. A larger value
    # runs fewer tasks twice. A smaller value ends a batch with one slow worker sooner.
    straggler_factor: float = 4.0

    # Seconds that a lease must have lasted to be late. A larger value runs fewer tasks twice. A smaller value races
    # tasks that were about to end.
    straggler_age: float = 2.0

    # Seconds that a lease has to take, as a mean, before free threads race what waits at another worker. A larger value
    # runs fewer tasks twice. A smaller value makes use of free threads for shorter tasks.
    race_gain: float = 0.02

    # The weight of the latest duration in the exponential mean, above 0 and at most 1. A larger value follows changes
    # of the load sooner. A smaller value is misled less by single long tasks.
    duration_weight: float = 0.125

    # --- caps: over them clients are told to wait ----

    # Tasks held at once: waiting, running, or delivered and not acknowledged. A larger value keeps workers busy while
    # clients pause, and costs memory. A smaller value refuses sooner, which costs round trips.
    tasks: int = 100_000

    # Kinds of one client's tasks that may wait at once. A task's kind is its priority, the filters that it needs and
    # the worker that it avoids. The scheduler looks at one task of each kind for each free worker, so a larger value
    # lets one client slow down all others. A smaller value refuses clients with many different recipes.
    kinds: int = 64

    # The same for all clients of one key, or of one address where there are no keys. A larger value serves more clients
    # with the same key. A smaller value limits how far a key with very many clients can slow down all others.
    owner_kinds: int = 4096

    # Bytes of all tasks held: inline images, recipes and names. A larger value buffers more images, and takes as much
    # memory. A smaller value refuses sooner. A task larger than this is accepted when nothing else is held.
    held_bytes: int = 1 << 30

    # Bytes of results that clients have not acknowledged; results of leases that are under way may come on top. A
    # larger value goes on working longer for a client that is slow to acknowledge. A smaller value saves memory.
    result_bytes: int = 512 << 20

    # One client may hold this many times the room that is left in `tasks` and in `held_bytes`. So a single client fills
    # share / (share + 1) of the broker. A larger value makes better use of the broker when there are few clients. A
    # smaller value leaves more room for a client that comes later.
    share: float = 8.0

    # The same for tasks of priority 0, the urgent ones. A larger value keeps more room for fresh uploads of a client
    # whose backfill has used up its share. At a value no larger than `share` they have to wait like the backfill.
    urgent_share: float = 64.0

    # All clients of one key together (or of one address, where there are no keys) may hold this many times as much as
    # one client. A larger value lets more clients with the same key have their full share. A smaller value leaves more
    # room for other keys.
    owner_share: float = 8.0

    # Bytes of memory that the process may take for everything but its tasks and results, above all for libzmq's queues,
    # counted from its start. Beyond them all connections are closed. A larger value tolerates more data on its way. A
    # smaller value protects the machine sooner, and may cut off honest peers.
    spare: int = 2 << 30

    # --- waiting times of clients ----

    # Seconds that a client is asked to wait when its task was refused. A larger value saves messages while the broker
    # is full. A smaller value fills it again sooner.
    busy_delay: float = 0.5

    # Seconds until an outcome that was not acknowledged is sent again. A larger value sends fewer outcomes twice to a
    # client that is slow. A smaller value makes up for a lost message sooner.
    resend: float = 30.0

    # --- the log ----

    # Whether each image that is done is a line of the log.
    log_images: bool = False


# --- the numbers of the shell around the core; nothing has needed other values yet ----

# Messages that one port may deliver in a turn of the loop, and seconds after which the turn ends even earlier. Larger
# values do less work per message under load. Smaller values keep heartbeats and the other port more punctual.
DRAIN_LIMIT, DRAIN_TIME = 512, 0.1

# Seconds between two turns of the loop while nobody waits for the broker (see BrokerCore.has_time). A larger value does
# less work per message when there are many workers. A smaller value answers sooner.
GATHER = 0.002

# Messages that libzmq queues for one peer. When the queue is full, the peer counts as unreachable. A larger value is
# more patient with slow peers, and costs memory. A smaller value drops them sooner.
SEND_QUEUE = 4096

# Messages of one peer that libzmq queues for the broker. When the queue is full, the peer's connection waits. A larger
# value takes longer bursts. A smaller value limits the memory that one peer can fill.
RECEIVE_QUEUE = 64

# Seconds that closed sockets get to send what is queued. A larger value delivers more of it. A smaller value ends the
# broker sooner when a peer does not read.
LINGER = 1.0

# Seconds that the ports get to become free after all connections were closed. A larger value keeps the broker from
# ending with an error on a busy machine. A smaller value reports sooner that somebody else has taken a port.
REBIND_PATIENCE = 10.0

# Seconds between two attempts to bind the ports again. A larger value tries less often. A smaller value is back sooner.
REBIND_PAUSE = 0.05

# Lines that each kind of event may write to the log in a period, and the seconds of a period. More lines tell more.
# Fewer lines, or longer periods, keep a flood of events out of the log.
LOG_LINES, LOG_PERIOD = 100, 60.0

# Seconds between two log lines about the same kind of denied peer. A larger value makes a shorter log. A smaller value
# shows more of the addresses and keys.
DENIAL_INTERVAL = 10.0

# --- the numbers of the door ----

# One key, or at a broker without keys one address, may hold this many times the places that are left: places for peers
# of a port (`peers`), and descriptors. A larger value serves more peers with one key. A smaller value leaves more room
# for those that come later.
PLACES_SHARE = 8.0

# Descriptors of the process that are never counted on for peers. A larger value wastes descriptors. A smaller value
# may leave the broker without one for its own files.
DESCRIPTORS_KEPT = 64

# The part of the other descriptors that connections may take which have said nothing yet is one of this many. A
# larger value leaves more for peers. A smaller value cuts off fewer honest peers while strangers flood the ports.
SILENT_PART = 4

# Connections of one address that may have said nothing yet; on a small limit of descriptors it is half of all silent
# ones. A larger value lets a larger fleet of one machine begin at the same moment. A smaller value leaves more room for
# other addresses.
SILENT_OF_ADDRESS = 256

# Handshakes that one key gets at once, and a second after that. Larger values let a large fleet come back sooner after
# its broker has died. Smaller values let one key compute less, and come up against libzmq's routing ids more slowly.
HANDSHAKES_BURST, HANDSHAKES_RATE = 1024, 100.0

# Handshakes of one key that wait for their turn. The peer of a further one is sent away and tries again. A larger value
# sends fewer honest peers away. A smaller value takes less memory.
HANDSHAKES_WAITING = 256

# Seconds between two searches for routing ids that are free again. A larger value costs less. A smaller value makes
# room for newcomers sooner.
TIDY_INTERVAL = 1.0

# Seconds between two looks at the memory of the process; a message without end wakes nobody up, so the broker has to
# look. A larger value lets more memory pile up. A smaller value wakes an idle broker more often.
MEMORY_INTERVAL = 0.2

# Seconds that libzmq gets to give back the memory of closed sockets; all peers wait meanwhile. A larger value prevents
# a second round of closed connections for the same flood. A smaller value serves the peers sooner.
SETTLE_TIME = 2.0

# Seconds between two looks at the memory during that time. A larger value looks less often. A smaller value notices
# sooner that the memory has been given back.
SETTLE_PAUSE = 0.02
