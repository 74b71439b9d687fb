"""What keeps a fleet from working on this machine, found before somebody wonders: one file for each kind of trouble."""
