"""Fleets that are larger than any machine here: the cores of broker, workers and clients in simulated time.

What they decide and send is what they decide and send in production. How long that takes comes from prices that are
measured on real processes (measured.py, fit.py).
"""
