"""Command line options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

BrokerHost = Annotated[str, typer.Option("--broker", help="Name or address of the broker's machine.")]
FrontendPort = Annotated[int, typer.Option(min=1, max=65535, help="Port for clients.")]
BackendPort = Annotated[int, typer.Option(min=1, max=65535, help="Port for workers.")]
