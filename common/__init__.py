"""What every role shares: the wire, the client, keys, jobs, processes, and small tools for files, text and logs."""
