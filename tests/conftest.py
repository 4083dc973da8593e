"""How hypothesis looks for counter-examples: `make test` shortly, `make fuzz` for long."""

from hypothesis import HealthCheck, settings

# No deadline: a machine that is shared stalls now and then, and pytest-timeout ends what hangs.
settings.register_profile("check", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("fuzz", settings.get_profile("check"), max_examples=20_000)
settings.load_profile("check")
