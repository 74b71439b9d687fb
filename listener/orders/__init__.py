"""Orders of people: how they reach a listener that runs."""
