from common.command import run_role
from worker.cli import worker

run_role(worker, __file__)
