from filterfleet.common.process.command import run_role
from filterfleet.worker.cli import worker

run_role(worker)
