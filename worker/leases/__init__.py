"""The worker's end of the wire: one session with each broker, and the threads that run the leased tasks."""
