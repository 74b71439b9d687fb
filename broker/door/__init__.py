"""Who gets in: keys, routing ids, and a watch over memory that is in nobody's books."""
