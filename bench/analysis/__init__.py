"""The comparative analysis: parts measure, record.py holds what they measured, and everything else makes figures, plots
and sentences of it.
"""
