"""Where the settings of a running command come from, and what becomes of them when a daemon reads them again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filterfleet.common.config.file import File, choose, read, read_again, standard_for
from filterfleet.common.config.resolve import Resolved, resolve
from filterfleet.common.config.setting import Setting, settings_of
from filterfleet.common.errors import FleetError
from filterfleet.common.logs import FORMAT, IMAGES, LEVEL, get_logger
from filterfleet.common.process.log_options import set_variable

# Parameters that every daemon takes while it runs. Ports with such names are those that a command has no use for.
AT_ONCE = ("_log_level", "_log_format", "_frontend_port", "_backend_port")
VARIABLES = {"_log_level": LEVEL, "_log_format": FORMAT, "_log_images": IMAGES}

log = get_logger("settings")


@dataclass(slots=True)
class Config:
    """path is what --config names. environment is as it was at the start, before the command itself changed it. context
    is that of typer: it knows which options were given."""

    command: str
    path: Path | None
    environment: Mapping[str, str]
    context: Any
    settings: tuple[Setting, ...] = ()
    resolved: Resolved = field(default_factory=lambda: Resolved({}, ()))
    values: dict[str, Any] = field(default_factory=dict)  # by parameter, as this process has them

    def start(self) -> Resolved:
        """What file and variables say. Raises FleetError for a file that cannot be read."""
        self.resolved = self._resolve(read(self.file))
        return self.resolved

    def reload(self, live: Collection[str], check: Callable[[Mapping[str, Any]], None]) -> bool:
        """Read everything again. The parameters `live` get their new values in `values`, and the log's level and form
        change at once. check is given all values as they would be, and raises FleetError if they are of no use. Then
        the result is False and nothing has changed. Either is told in the log."""
        self.begin()
        try:
            resolved = self._resolve(read_again(self.file))
            if resolved.mistakes:
                raise FleetError("\n".join(resolved.mistakes))
            new = self._values(resolved)
            changed = {name: value for name, value in new.items() if value != self.values[name]}
            taken = {name: value for name, value in changed.items() if name in live or name in AT_ONCE}
            check(self.values | taken)
        except FleetError as error:
            tell_refusal(error)
            return False
        self.values |= taken
        for name in taken.keys() & VARIABLES.keys():
            set_variable(VARIABLES[name], taken[name])
        keys = {setting.name: setting.key for setting in self.known()}
        log.info(
            "settings reloaded",
            changed=", ".join(keys[name] for name in taken) or "nothing",
            needs_restart=", ".join(keys[name] for name in changed if name not in taken) or "nothing",
        )
        return True

    def begin(self) -> None:
        """Note what this process has now. To be called when the command line has been read."""
        if not self.values:
            self.values = self._values(self.resolved)

    def is_flag(self, setting: Setting) -> bool:
        """Whether the command line says what it is."""
        source = self.context.get_parameter_source(setting.name)
        return source is not None and source.name == "COMMANDLINE"

    @property
    def file(self) -> Path | None:
        """The one that counts now, which may not be there."""
        return choose(self.path, self.environment, standard_for(self.command))

    def _resolve(self, file: File) -> Resolved:
        if file.path is None and not self.environment:
            return Resolved({}, ())
        return resolve(self.command, self.known(), file, self.environment)

    def known(self) -> tuple[Setting, ...]:
        self.settings = self.settings or settings_of(self.context.command.callback)
        return self.settings

    def _values(self, resolved: Resolved) -> dict[str, Any]:
        """Of all settings that are no flags. Raises FleetError when one is nowhere that has to be somewhere."""
        values = {}
        for setting in self.known():
            if self.is_flag(setting):
                continue
            if setting.required and setting.name not in resolved.found:
                raise FleetError(f"{setting.key} is set nowhere any more.")
            there = resolved.found.get(setting.name)
            values[setting.name] = setting.default if there is None else there.value
        return values


def tell_refusal(error: FleetError) -> None:
    """That a daemon cannot use the settings that it has read again, and goes on with those that it had."""
    log.error("settings not reloaded, the old ones stay", reason=" ".join(str(error).split("\n")))
