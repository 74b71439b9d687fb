"""The broker queues clients' tasks and leases them to workers: a pure core, and a socket loop around it."""
