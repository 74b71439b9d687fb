"""The client of a broker: a core that submits each job until it has an outcome, and the thread that owns its socket."""
