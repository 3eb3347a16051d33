"""The requirements for a caller's first request: the facts that a policy needs, and a working request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from policy_service.compilers.json_schema import facts_schema
from policy_service.compilers.json_schema.example_request import example_request
from policy_service.language.policy import Policy
from policy_service.language.requirements import with_required_policies


def caller_requirements(policy: Policy, policies: Mapping[str, Policy], max_facts: int, today: date) -> dict[str, Any]:
    """Return the requirements of a policy among those served with it, as JSON with the numbers of `facts_schema`."""
    return {
        "policy": policy.id,
        "version": policy.version,
        "digest": policy.digest,
        "needs": sorted(each.id for each in with_required_policies(policy, policies)[1:]),
        "schema": facts_schema(policy, policies, max_facts),
        "example": example_request(policy, policies, today),
    }
