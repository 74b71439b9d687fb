"""The worker's end of the wire: one session for each broker, and the threads that run what was leased."""
