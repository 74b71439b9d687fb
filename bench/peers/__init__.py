"""Other ways to spread the same work over processes. Each is a program: `python -m filterfleet.bench.peers.NAME IN OUT
WORKERS`, with `--warm` behind it for one that is started before the clock (protocol.py). All run plain.py's function on
each photograph.
"""
