"""Command line options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

BrokerHost = Annotated[str, typer.Option("--broker", help="Name or address of the broker's machine.")]
FrontendPort = Annotated[int, typer.Option("--frontend-port", min=1, max=65535, help="The broker's port for clients.")]
BackendPort = Annotated[int, typer.Option("--backend-port", min=1, max=65535, help="The broker's port for workers.")]
# Every command that talks to a broker takes both, so that one set of options fits them all.
