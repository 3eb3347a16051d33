"""How hard the generated tests look: `quick` by default, `long` when HYPOTHESIS_PROFILE says so."""

import os

from hypothesis import HealthCheck, settings

# No deadline: a test that shares its processor with others is slow now and then, and that is no fault.
settings.register_profile("quick", max_examples=100, deadline=None, print_blob=True)
settings.register_profile(
    "long",
    max_examples=5_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
