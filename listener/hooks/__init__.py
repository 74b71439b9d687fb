"""Webhooks and programs that are told when an image is done, when one has failed, and when a batch is done.

Each receiver has a thread that reads the ledger, from a mark that it keeps on disk, and waits for nobody else. So
nothing here holds the listener up, and what a crash interrupts is told again: at least once.
"""
