"""`python -m filterfleet` is `filterfleet`."""

from filterfleet.cli import main

main()
