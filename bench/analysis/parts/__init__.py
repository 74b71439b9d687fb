"""The parts of the analysis. Each has a function measure(setting) that returns a Part (record.py)."""
