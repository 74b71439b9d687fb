"""How `filterfleet up` starts the page's server: a command line, and the address to open."""

from __future__ import annotations

from pathlib import Path

from filterfleet.common.address import Address
from filterfleet.dashboard.address import is_everywhere, listen


def arguments(
    address: Address, state: Path, output: str, frontend_port: int, broker: str, keys: Path | None
) -> list[str]:
    """The command line of the process, behind the interpreter. output is where results are, without secrets."""
    return [
        *("-m", "filterfleet.dashboard", "--quiet", "--bind", str(address), "--state", str(state)),
        *("--output", output, "--broker", broker, "--frontend-port", str(frontend_port)),
        *(("--keys", str(keys)) if keys else ()),
    ]


def check_free(address: Address) -> None:
    """Raises FleetError when nobody can listen there now."""
    listen(address).close()


def url_of(address: Address, prefix: str, token: str) -> str:
    """What a person opens for the first time."""
    host = Address("127.0.0.1", address.port) if is_everywhere(address) else address
    return f"http://{host}{prefix}/?token={token}"
