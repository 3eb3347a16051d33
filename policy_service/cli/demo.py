"""`policy-service demo`: the four example customers of the regulation (R-RFM-6), decided by the rules engine."""

from __future__ import annotations

from policy_service.analysis.examples import day_of
from policy_service.cli.decide import format_rules
from policy_service.cli.output import print_line, print_table
from policy_service.cli.status import EXIT_FAULT, EXIT_OK, UsageError
from policy_service.decisions.decider import Decider
from policy_service.language.load import load_folder, newest
from policy_service.language.policy import Policy
from policy_service.language.types import format_value
from policy_service.shipped import shipped_policies

POLICY = "tiering/rfm_value"
CITATION = "R-RFM-6"


def run() -> int:
    """Print a table; return the exit status, an error if a customer's result differs from the regulation."""
    policies = {policy.id: policy for policy in newest(load_folder(shipped_policies()))}
    if POLICY not in policies:
        raise UsageError(f"the shipped policies hold no {POLICY}")
    rows = decide_customers(policies[POLICY])
    print_line(f"{POLICY} {policies[POLICY].version} decides the customers of {CITATION}:")
    print_table(["customer", "tier", "as the regulation", "rule", "because"], [row[:5] for row in rows], lines=True)
    return EXIT_OK if all(row[2] == "yes" for row in rows) else EXIT_FAULT


def decide_customers(policy: Policy) -> list[tuple[str, str, str, str, str]]:
    """Return customer, tier, whether it matches the regulation, rule, and reason in both languages."""
    rows = []
    with Decider([policy]) as decider:
        for example in policy.examples:
            if CITATION not in example.source:
                continue
            facts = {name: format_value(policy.facts[name].type, value) for name, value in example.facts.items()}
            entry = decider.decide(facts, as_of=day_of(example)).to_dict()[policy.id]
            tier = entry.get("outcome", {}).get("tier", entry["status"])
            same = "yes" if example.outcome == {"tier": tier} else "NO"
            because = "\n".join(f"{reason['zh']}\n{reason['en']}" for reason in entry.get("because", ()))
            rows.append((example.name, tier, same, format_rules(entry), because))
    return rows
