"""How hard generated tests look: `quick` by default, `long` when HYPOTHESIS_PROFILE says so; and what was not run."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.e2e.absence import ABSENT

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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line how many tests of the browser were not run."""
    absent = sum(ABSENT in str(report.longrepr) for report in terminalreporter.getreports("skipped"))
    if absent:
        terminalreporter.write_line(f"{absent} tests of the browser were not run: {ABSENT}", yellow=True, bold=True)
