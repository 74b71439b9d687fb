"""`python -m filterfleet.worker` is `filterfleet worker`."""

from filterfleet.common.process.role import run_role
from filterfleet.worker.cli import worker

run_role(worker)
