"""The comparative analysis: different systems do the same work in turns, and ratios within one run count."""
