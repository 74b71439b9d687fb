"""The numbers of a client: how patient it is, and how much it has under way."""

from __future__ import annotations

# --- repeating ----

# Seconds without any answer from the broker until every SUBMIT that has none is sent once more. Fewer send images again
# that are only slow; more wait longer after a message was lost.
ACCEPT_PATIENCE = 10.0

# Seconds until outputs that found no room on the disk are asked for again, with a random delay of up to as much on top.
# Fewer try in vain while the disk is full; more leave the outputs with the worker for longer.
ROOM_PATIENCE = 10.0

# How often a job may find no room for its outputs before it counts as failed. More wait longer for somebody to make
# room; fewer tell the user sooner.
SHORTAGES = 5

# Seconds between two looks at what is to be repeated. Fewer cost time while much is under way; more delay each
# repetition by up to as much.
REVIEW_INTERVAL = 0.25

# --- flow control (see flow.py) ----

# Jobs on their way to the broker at most: neither accepted nor refused. More are refused at once by a broker that is
# full; fewer leave the network idle during a round trip. This is several full multipart messages.
WINDOW_JOBS = 4096

# Bytes of images on their way to the broker at most. More are sent in vain to a broker that is full; fewer leave the
# network idle. A gigabit link takes this much in a quarter of a second.
WINDOW_BYTES = 32 << 20

# Bytes of the largest image that is sent again with its job after a refusal. A larger image costs more to send twice
# than its pull, through the broker, costs later.
SMALL_IMAGE = 64 << 10

# For every GROWTH bytes of images that have come to an outcome, one byte more travels with its job. Smaller numbers
# find free room in the broker sooner, and run into refusals more often.
GROWTH = 16

# --- the connection ----

# Seconds between two log lines about a broker that does not let us in. Fewer fill the log; more hide that it goes on.
QUIET = 30.0

# Seconds that close() gives messages that are still here when the broker is connected. Fewer may lose an
# acknowledgement, which makes the broker keep a result until it notices; more delay the end when the broker has died.
LINGER = 2.0
