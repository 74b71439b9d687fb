"""`filterfleet ledger`: what can be done with the ledger of a listener."""

from __future__ import annotations

import typer

from filterfleet.common.process.lazy import LazyCommand, LazyGroup


class _Commands(LazyGroup):
    members = (
        LazyCommand(
            "check",
            "filterfleet.commands.ledger_check:check",
            "Check a ledger, and make a damaged one anew.",
        ),
        LazyCommand(
            "prune",
            "filterfleet.commands.ledger_prune:prune",
            "Have a listener forget what has been gone from its source for long.",
        ),
    )


ledger = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    help="Check the ledger of a listener, make it anew, or forget what it need not know any more.",
)
