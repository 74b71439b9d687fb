"""`filterfleet failed`: why images could not be processed."""

from __future__ import annotations

from typing import Annotated

import typer

from filterfleet.commands.looking import Ledger, when
from filterfleet.commands.ordering import Where
from filterfleet.common.process.parameters import takes_options
from filterfleet.common.text import one_line
from filterfleet.standing import table


@takes_options(Where)
def failed(
    options: Where,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Reasons that are shown at most.")] = 50,
) -> None:
    """Show why images have failed: each reason with its number of images, the commonest first.

    `filterfleet retry --reason TEXT` has those of one reason tried again, and `filterfleet jobs --reason TEXT` lists
    them. It works while the listener is down, which standard error then says.
    """
    ledger = Ledger(options.output, options.state, options.source)
    reasons = ledger.history.failures(limit)
    if options.as_json:
        ledger.print_json(failed=ledger.history.counts().failed, reasons=reasons)
        return
    ledger.say_whether_it_works()
    rows = [(row.n, one_line(row.reason), row.path, when(row.at)) for row in reasons]
    for line in table(("images", "reason", "the last one", "when"), rows) if rows else ["Nothing has failed."]:
        typer.echo(line)
