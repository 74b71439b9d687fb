"""`python -m filterfleet.listener` is `filterfleet listener`; it checks no filters."""

from filterfleet.common.process.role import run_role
from filterfleet.listener.cli import listener

run_role(listener)
