from filterfleet.broker.cli import broker
from filterfleet.common.process.command import run_role

run_role(broker)
