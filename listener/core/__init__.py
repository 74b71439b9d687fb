"""The listener's decisions, without files, sockets, threads, clocks or dice."""
