"""What a caller is told before the first request."""

from __future__ import annotations

from datetime import date

from policy_service.compilers.json_schema.caller_requirements import caller_requirements
from tests.decisions.policies import TIER, VISITS


def test_it_names_the_policies_that_are_asked_too_and_a_request_that_works() -> None:
    policies = {each.id: each for each in (TIER, VISITS)}
    requirements = caller_requirements(VISITS, policies, 100, date(2026, 11, 21))
    assert (requirements["policy"], requirements["version"]) == ("followup/small", "1.0.0")
    assert requirements["digest"] == VISITS.digest
    assert requirements["needs"] == ["tiering/small"]
    assert sorted(requirements["schema"]["properties"]) == ["amount", "days", "last_contact_on", "mean", "tier"]
    assert requirements["example"] is None, "it has no example of its own"
    alone = caller_requirements(TIER, policies, 100, date(2026, 11, 21))
    assert (alone["needs"], alone["example"]["policies"]) == ([], ["tiering/small"])
