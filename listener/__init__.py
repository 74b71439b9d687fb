"""The listener: a source folder becomes tasks, results become an output folder, a ledger remembers both."""
