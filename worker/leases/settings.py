"""The numbers of a worker: how much it holds, and how patient it is."""

from __future__ import annotations

# --- tasks and frames ----

# Tasks that a worker process holds beyond those that its threads run. With a larger value, a slower network leaves no
# thread idle, but more tasks wait behind a long image while another worker may be free. With 0, every thread waits for
# the network after each image.
PREFETCH = 2

# Seconds of work for each thread that a worker holds in reserve when PREFETCH tasks are less. A larger value leaves a
# fast worker idle more rarely; with a smaller one, fewer tasks wait behind one that takes long after all.
RESERVE_SECONDS = 0.005

# The most tasks in reserve. A larger value costs less for each of the shortest tasks; with a smaller one, a worker
# takes fewer of the last ones from the others.
MOST_PREFETCH = 256

# Bytes of images in reserve beyond PREFETCH. A larger value lets short tasks on larger images wait here; a smaller one
# takes less memory.
RESERVE_BYTES = 16 << 20

# Tasks after which a worker believes that its tasks have changed. With a larger value, a worker holds few tasks for
# longer after a long one; with a smaller one, its credit changes more often.
MEMORY = 8

# Seconds that count for a task that takes longer, and for those that a worker does not know yet. With a larger value, a
# worker holds few tasks for longer after a long one; a smaller one must be far more than RESERVE_SECONDS.
LONG = 1.0

# A worker holds at most CROWD times its slots unfinished, whatever its broker believes. A broker that follows CREDIT is
# ahead only by the CANCELs that were lost. A larger value lets a broken broker take more memory; a smaller one hands
# back tasks that could have waited.
CROWD = 4

# Bytes of the largest frame that a broker may send; a larger frame costs the connection. Somebody else's queue sends
# images whole, so this is the largest image that it can send. A larger value lets such a queue take more memory.
LARGEST_FRAME = 256 << 20

# --- patience ----

# Seconds until a result that nobody has acknowledged is sent again. A smaller value sends results twice that are merely
# slow; with a larger one, a lost result reaches the client later.
RESEND = 10.0

# Seconds beyond its time limit after which a running task counts as stuck, which ends its process. A smaller value
# kills work that was about to end; a larger one keeps a thread and its memory occupied for longer.
GRACE = 5.0

# --- leaving ----

# The most seconds for which a leaving worker still listens to its brokers. A larger value lets a talkative broker delay
# the end for longer; with a smaller one, tasks that were on their way may stay unanswered, and the broker queues them
# again only when it misses the worker.
HEAR_OUT = 1.0

# Seconds of silence after which a leaving worker assumes that nothing more is on its way. A larger value delays every
# end; a smaller one misses messages on a slow network.
LAST_WORDS = 0.1

# Seconds that the last messages get to leave the process. A larger value delays the end when a broker has died; a
# smaller one may lose results, and tasks that are handed back.
LINGER = 2.0

# --- the log ----

# Seconds between two log lines about a broker that does not let the worker in. A smaller value fills the log; with a
# larger one, a reader of the log sees later that the refusals go on.
QUIET = 30.0
