"""How long we wait for remotes and for rclone, and how often we try again. All times are in seconds.

The listener repeats a transfer that fails, for hours if need be. The limits here are about a single attempt, which must
not hang, but end soon with a reason that can be shown.
"""

# --- rclone and a server ----

# How long rclone waits for a connection to a server. More helps with servers that are far away or wake up slowly. Less
# tells the user sooner that a server cannot be reached.
CONNECT_LIMIT = 5

# How long rclone waits for the next byte of an answer. More suits servers that work for long before they answer, and
# slow lines on which transfers stall. Less notices a dead connection sooner, but breaks off slow ones.
IDLE_LIMIT = 30

# How often rclone tries each step of a transfer (--low-level-retries), by kind of store. These tries decide how long a
# server can be away before the listener hears of it. More rides out single faults without a word. Less reports an
# outage sooner: with three tries, an upload to S3 took 108 s to fail in a network that swallows every packet, with one
# try 10 s. Stores that refuse hasty clients get more; the library for S3 doubles the number by itself.
STEP_TRIES = {"s3": 1, "drive": 4, "onedrive": 4, "dropbox": 4, "box": 4}
OTHER_STEP_TRIES = 2  # for all other kinds

# The same for commands that show a user the configured remotes. A person waits for them, and nobody repeats them.
COMMAND_TRIES = 3

# How often an output is uploaded until it is in its place as it was sent. Before the second try, all folders are made
# anew, because an upload into a folder that was removed can succeed without leaving a file. More tries than two only
# help when folders keep vanishing; with one, a removed folder costs a failed transfer.
UPLOADS = 2

# --- the start ----

# Pauses between looks whether a remote is there, when a listener starts: they double from the first to the longest.
# Longer ones spare a server that is down; shorter ones notice sooner that it is back.
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0

# How long a listener with --once, which reports every other trouble at its start, waits for a store that asks for fewer
# requests. Longer rides out longer bursts of other programs; shorter ends sooner when the store goes on like this.
BUSY_LIMIT = 600.0

# The pause between two signs of life for the service manager while a listener waits for a remote. It must be well below
# the WatchdogSec of the unit; shorter ones only take processor time.
BEAT = 1.0

# --- our own rclone server ----

# How long a call waits for a server that is being started. More lets calls survive a slow start; less tells the user
# sooner that a server cannot start.
SERVER_WAIT = 10.0

# How long a server may take until it answers for the first time, before it is killed and started again. More suits slow
# machines; less replaces a server that hangs at its start sooner. When a server has lived for longer than this, the
# pauses between starts begin with the shortest again.
START = 20.0

# Pauses between two starts of a server that ends: they double from the first to the longest. Longer ones cost less when
# rclone cannot run at all; shorter ones bring it back sooner.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0

# The pause between two questions to a running server, and how long it has for each answer before it is killed. A server
# that hangs holds up its calls for PROBE + ANSWER at most. Shorter times free them sooner, but an ANSWER that is too
# short kills servers on busy machines, and all their transfers with them.
PROBE = 5.0
ANSWER = 15.0

# The pause between two questions to a server that is starting, and how long it has for each answer. Longer pauses delay
# the first call; shorter ones take processor time from the start. If an answer comes too late, we just ask again.
START_PROBE = 0.02
START_ANSWER = 0.5

# How long a server that is told to end may take before it is killed. More lets it end in order, and delays the end of
# the listener by as much.
ENDING = 1.0

# The size in bytes at which the server's log begins anew; the log before it is kept. More keeps a longer history, and
# takes up to twice as much disk space.
LOG_LIMIT = 1 << 20
