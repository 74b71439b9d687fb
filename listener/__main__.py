from common.command import run_role
from listener.cli import listener

run_role(listener, __file__)
