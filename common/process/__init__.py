"""Processes: how a command begins and ends, who supervises it, and what it knows about its machine."""
