"""Settings for all tests."""

from hypothesis import HealthCheck, settings

# The same examples on every machine and every day, however slow it is.
settings.register_profile(
    "book",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("book")
