"""Numbers for Prometheus: plain values that each role computes from its state, and the endpoint that serves them."""
