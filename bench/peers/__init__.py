"""Other ways to spread the same work over processes. Each module is a program (protocol.py) whose docstring says how
the system is configured, and why that is fair. catalogue.py names them all.
"""
