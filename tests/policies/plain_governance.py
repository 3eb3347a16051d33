"""Governance once more, in plain Python: written from the rows of the regulation and our readings, not from the file.

Imports nothing of the product; as `plain_followup`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from tests.policies.plain_followup import Facts, Outcomes


def sign_off(facts: Facts, _today: date) -> Outcomes:
    """R-GOV-1, R-GOV-2: sales director for plans, general manager for rewards; both where the impact is large."""
    domain = facts["domain"]
    signers = {"compliance", "sales_director"}
    if domain == "governance":
        return {"signers": {"compliance", "general_manager"}}
    if domain != "rewards" and facts["decides_money"]:
        return {"signers": {"compliance", "sales_director", "finance_director", "general_manager"}}
    if domain == "rewards":
        signers = {"compliance", "general_manager", "finance_director"}
    is_large = facts.get("impact_share", 1) > Decimal("0.1")
    if is_large or (domain == "rewards" and facts.get("money_difference", 0) > 100_000):
        signers |= {"sales_director", "general_manager"}
    return {"signers": signers}


def overrides(facts: Facts, _today: date) -> Outcomes:
    """R-GOV-4; how far one person may adjust is ours: money waits for all, the rest lapses unless the others sign."""

    def reach(verdict: str, most: int, to_sign: int) -> Outcomes:
        return {"verdict": verdict, "max_days": most, "provisional_days": to_sign}

    counts = {"running_of_person": 50, "running_of_subject": 5, "running_of_policy": 200}
    if facts["domain"] == "governance" or any(facts[name] >= most for name, most in counts.items()):
        return reach("refused", 1, 1)
    first = facts["unsigned_before"] == 0
    if facts["outcome_kind"] == "money":
        amount = facts.get("amount")
        if amount is None:
            return reach("needs_signers", 30, 7)
        if amount > 50000:
            return reach("refused", 1, 1)
        of_finance = facts["signed"] & {"finance_director", "general_manager"}
        return reach("provisional", 90, 3) if amount <= 1000 and first and of_finance else reach("needs_signers", 90, 7)
    if not first:
        return reach("needs_signers", 366, 3)
    return reach("allowed", 3, 3) if facts["days"] <= 3 else reach("provisional", 366, 3)


SPELLINGS: Mapping[str, Callable[[Facts, date], Outcomes]] = {
    "governance/overrides": overrides,
    "governance/sign_off": sign_off,
}
VALUES: Mapping[str, Callable[[date], Mapping[str, tuple[object, ...]]]] = {
    "governance/overrides": lambda _: {
        "amount": ("0", "1000", "1000.01", "50000", "50000.01"),
        "days": (1, 3, 4, 366),
        "running_of_policy": (0, 199, 200),
        "running_of_subject": (0, 4, 5),
        "running_of_person": (0, 49, 50),
        "unsigned_before": (0, 1),
    },
    "governance/sign_off": lambda _: {
        "impact_share": ("0.0999", "0.1", "0.1001"),
        "money_difference": ("0", "100000", "100000.01"),
    },
}
