"""What every role shares: the wire, tasks, liveness, the client, logs and errors."""
