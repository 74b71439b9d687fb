"""Processes: how commands begin and end, how they are supervised, and what they know about their machine."""
