"""The history that a ledger holds, for those who only read it: commands, the page, metrics."""

from filterfleet.listener.ledger.history.history import History
from filterfleet.listener.ledger.history.rows import (
    Attempt,
    Counts,
    Job,
    Minute,
    Output,
    Page,
    Part,
    Reason,
    Stage,
    Story,
)

__all__ = ["Attempt", "Counts", "History", "Job", "Minute", "Output", "Page", "Part", "Reason", "Stage", "Story"]
