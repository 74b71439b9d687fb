"""The tables of the file: which a command reads, the first that has a key being the one that counts."""

from __future__ import annotations

from filterfleet.common.config.setting import settings_of
from filterfleet.common.process.log_options import LogForm, LogImages, LogLevel
from filterfleet.common.process.options import BackendPort, BrokerHost, FrontendPort, GroupRead, Keys

SHARED = "fleet"
READS = {
    "broker": ("broker", SHARED),
    "worker": ("worker", SHARED),
    "listener": ("listener", SHARED),
    "dashboard": ("dashboard", SHARED),
    "up": ("up", "listener", "worker", SHARED),
    "plan": ("listener", SHARED),
    "doctor": ("listener", SHARED),
    "status": (SHARED,),
    "health": (SHARED,),
    "submit": (SHARED,),
}
# `up` is for anybody: what the administrator has written for the services of this machine is not meant for it.
STANDARD_READERS = READS.keys() - {"up"}
DAEMONS = ("broker", "worker", "listener", "dashboard", "up")
TABLES = {
    SHARED: "What all roles share. The table of a role may have each of these keys too, for that role alone.",
    "broker": "`filterfleet broker`",
    "worker": "`filterfleet worker`, and `up` where both have the key",
    "listener": "`filterfleet listener`, `up`, `plan` and `doctor`",
    "dashboard": "`filterfleet dashboard`",
    "up": "`filterfleet up`: it takes each key from here, else from [listener], else from [worker], else from [fleet].",
}


def _fleet(
    broker: BrokerHost = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    backend_port: BackendPort = 5556,
    keys: Keys = None,
    _allow_group_read: GroupRead = False,
    _log_format: LogForm = None,
    _log_level: LogLevel = None,
    _log_images: LogImages = False,
) -> None:
    """Declares the settings of [fleet] as a command would."""


FLEET = {setting.key: setting for setting in settings_of(_fleet)}
