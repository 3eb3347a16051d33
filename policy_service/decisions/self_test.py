"""A self-test: decides an example of a policy to check that the engine works."""

from __future__ import annotations

from datetime import date

from policy_service.compilers.json_schema.example_request import example_request
from policy_service.decisions.decider import Decider


def run_self_test(decider: Decider, day: date) -> str:
    """Return `passed` if a policy decides its first example by the rules it names, else what went wrong."""
    policies = decider.policies
    if not policies:
        return "no policy is in force"
    for policy in policies.values():
        request = example_request(policy, policies, day)
        if request is None:
            continue
        expected = next(example.rules for example in policy.examples if example.status == "decided")
        try:
            as_of = date.fromisoformat(request["as_of"])
            decision = decider.decide(request["facts"], as_of=as_of, policies=[policy.id])
        except Exception as error:  # noqa: BLE001  # whatever it is, the service cannot decide
            return f"failed on an example of {policy.id}: {type(error).__name__}"
        rules = tuple(decision.to_dict()[policy.id].get("rules", ()))
        mismatch = f"decided an example of {policy.id} by {list(rules)}, expected {list(expected or ())}"
        return "passed" if rules == expected else mismatch
    return "passed"
