"""The numbers of a client: how patient it is, and how much it has under way."""

from __future__ import annotations

# --- repeating ----

# Seconds without any answer from the broker after which every unanswered SUBMIT is sent once more. A smaller value
# repeats messages that are merely slow; with a larger one, a lost message costs more time.
ACCEPT_PATIENCE = 10.0

# Seconds until outputs that did not fit on the disk are asked for again; a random delay of up to the same length is
# added. A smaller value asks more often while the disk is still full; a larger one leaves the outputs with the worker
# for longer.
ROOM_PATIENCE = 10.0

# How often the outputs of a job may find no room on the disk before the job counts as failed. A larger value gives
# somebody more time to make room; with a smaller one, the user hears of it sooner.
SHORTAGES = 5

# Seconds between two checks for work that is to be repeated. A smaller value costs time when much is under way; a
# larger one delays each repetition by up to its own length.
REVIEW_INTERVAL = 0.25

# Seconds for which an acknowledgement waits for jobs that go to the broker, and before that, the client for
# acknowledgements of its deliveries, if earlier ones have come as soon as that. With a larger value, more of them
# travel in one message, and the broker keeps their results for longer; with a smaller one, there are more messages.
HOLD = 0.005

# Jobs, and acknowledgements, that are taken from the application in one turn. A larger value costs less for each; with
# a smaller one, a million that come at once delay heartbeats and results for less time.
TURN = 4096

# --- flow control (see flow.py) ----

# The most jobs on their way to the broker, neither accepted nor refused: at first, and when it has accepted more and
# more of them. With larger values, a full broker refuses more jobs that were sent for nothing; smaller ones leave the
# network idle during a round trip.
FIRST_JOBS, WINDOW_JOBS = 1024, 4096

# The most bytes of images on their way to the broker. With a larger value, more bytes are sent for nothing to a full
# broker; a smaller one leaves the network idle. A gigabit link carries this value in a quarter of a second.
WINDOW_BYTES = 32 << 20

# Bytes of the largest image that always travels with its job, even after a refusal. With a larger value, refused images
# cost more bandwidth when they are sent again; with a smaller one, more images cost the extra messages of a pull.
SMALL_IMAGE = 64 << 10

# When images of GROWTH bytes have come to an outcome, one more byte of images may travel with its job. With a larger
# value, the client takes longer to use room that has become free in the broker; with a smaller one, it is refused more
# often.
GROWTH = 16

# --- the connection ----

# Seconds that close() waits for messages to leave when a broker is connected. A smaller value may lose an
# acknowledgement, and the broker then keeps a result until it misses the client; a larger one delays the end when the
# broker has died.
LINGER = 2.0

# Seconds between two log lines about a broker that does not let the client in. A smaller value fills the log; with a
# larger one, a reader of the log sees later that the refusals go on.
QUIET = 30.0
