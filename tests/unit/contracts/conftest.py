"""How hypothesis runs here: on a busy machine a slow example is no failure; nothing is written to disk."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "steady", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")
