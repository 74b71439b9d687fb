"""The ledger: which versions of which objects are done, in SQLite."""
