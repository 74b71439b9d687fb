from hypothesis import HealthCheck, settings

# No deadlines: the machine may be busy. Each property keeps to about a second.
settings.register_profile("filterfleet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("filterfleet")
