"""Versioned policy files, decided by a rules engine, with the reason in the answer.

    policies = policy_service.newest(policy_service.load_folder("policies"))
    with policy_service.Decider(policies) as decider:
        decision = decider.decide({"amount_12m": "800000.00", ...}, as_of=date(2026, 11, 21))
        decision.to_dict()
"""

from policy_service.decisions.decide import Alarm, Decider, Health
from policy_service.decisions.decision import Decision, PolicyDecision
from policy_service.errors import FactProblem, FactsRefused, UnknownPolicies
from policy_service.language.diagnostics import Diagnostic, PolicyError
from policy_service.language.load import load, load_bytes, load_folder, newest
from policy_service.language.policy import Policy
from policy_service.shipped import shipped_policies

__all__ = [
    "Alarm",
    "Decider",
    "Decision",
    "Diagnostic",
    "FactProblem",
    "FactsRefused",
    "Health",
    "Policy",
    "PolicyDecision",
    "PolicyError",
    "UnknownPolicies",
    "load",
    "load_bytes",
    "load_folder",
    "newest",
    "shipped_policies",
]
