"""The numbers of a worker: what it holds, and how patient it is."""

from __future__ import annotations

# --- what it holds ----

# Tasks that a worker process holds beyond those that its threads run. More hide a slower network, and wait longer
# behind a long image while another worker may be free; with none, every thread waits for the network after each image.
PREFETCH = 2

# A worker holds at most CROWD times its slots unfinished, whatever its broker believes. A broker that follows CREDIT is
# ahead only by the CANCELs that were lost. More let a broken broker fill the worker; fewer hand tasks back that could
# have waited.
CROWD = 4

# Bytes of the largest frame from a broker. Somebody else's queue sends images whole, so this is the largest image that
# such a queue can send. A larger frame costs the connection.
LARGEST_FRAME = 256 << 20

# --- patience ----

# Seconds until a result that nobody has acknowledged is sent again. Fewer send results twice that are only slow; more
# leave the client waiting for longer after a result was lost.
RESEND = 10.0

# Seconds beyond its time limit until a running task counts as stuck, which ends its process. Fewer kill work that was
# about to end; more leave a thread and its memory occupied for longer.
GRACE = 5.0

# --- leaving ----

# Seconds for which a worker that leaves still listens at most. More keep it longer when brokers go on talking; fewer
# leave tasks unanswered that were on their way, and these are missed only when the broker notices that the worker is
# gone.
HEAR_OUT = 1.0

# Seconds of silence after which a worker that leaves takes it that nothing more is on its way. More delay every end;
# fewer miss messages on a slow network.
LAST_WORDS = 0.1

# Seconds that the last messages have to get out of the process. More delay the end when a broker has died; fewer may
# lose results and tasks that are handed back.
LINGER = 2.0

# --- the log ----

# Seconds between two log lines about a broker that does not let us in. Fewer fill the log; more hide that it goes on.
QUIET = 30.0
