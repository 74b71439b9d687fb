"""Who gets in: keys, routing ids, and a watch over memory that nobody accounts for."""
