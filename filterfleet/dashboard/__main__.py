"""`python -m filterfleet.dashboard`: the page's server as a process of its own."""

from filterfleet.common.process.role import run_role
from filterfleet.dashboard.cli import dashboard

if __name__ == "__main__":
    run_role(dashboard)
