from filterfleet.common.process.command import run_role
from filterfleet.listener.cli import listener

run_role(listener)
