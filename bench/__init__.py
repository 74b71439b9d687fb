"""The comparative analysis: the same work done by different systems, interleaved, as ratios of one run."""
