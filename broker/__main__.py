from broker.cli import broker
from common.command import run_role

run_role(broker, __file__)
