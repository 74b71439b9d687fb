"""`python -m filterfleet.broker` is `filterfleet broker`."""

from filterfleet.broker.cli import broker
from filterfleet.common.process.role import run_role

run_role(broker)
