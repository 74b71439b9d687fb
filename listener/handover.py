"""How `filterfleet up` hands its listener process the options: as JSON in an environment variable.

The environment, because only this user can read it, unlike a command line, and because a restarted process gets it
again, also when the disk is full.
"""

from __future__ import annotations

import os

from filterfleet.common.errors import FleetError
from filterfleet.common.process.parameters import from_json, to_json
from filterfleet.listener.settings.connection import mask
from filterfleet.listener.settings.listener_options import ListenerOptions

VARIABLE = "FILTERFLEET_LISTENER"
LIMIT = 128 << 10  # bytes of a variable with its name: Linux starts no process with a longer one


def arguments(options: ListenerOptions) -> list[str]:
    """The command line of the process, behind the interpreter. The places in it are for people who run `ps`."""
    return [
        "-m",
        "filterfleet.listener.process",
        f"--source={mask(options.source)}",
        f"--output={mask(options.output)}",
    ]


def environment(options: ListenerOptions) -> dict[str, str]:
    """What the process has to find in its environment. Raises FleetError when that is too long."""
    text = to_json(options)
    if len(VARIABLE) + len(text) + 2 > LIMIT:
        raise FleetError("The options are too long together: put the patterns into .filterfleetignore in the source.")
    return {VARIABLE: text}


def take() -> ListenerOptions:
    """The options that this process was started with. They leave the environment, so its own children do not get them.

    Raises FleetError.
    """
    text = os.environ.pop(VARIABLE, None)
    if text is None:
        raise FleetError(
            "`filterfleet up` starts this process; to start a listener by hand, use `filterfleet listener`."
        )
    return from_json(ListenerOptions, text)
