"""Kill and freeze a fleet by a seeded plan, and verify that nothing was lost."""
