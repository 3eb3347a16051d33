"""Governance once more, in plain Python: written from the rows of the regulation and our readings, not from the file.

Imports nothing of the product; as `plain_followup`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from tests.policies.plain_followup import Facts, Outcomes


def sign_off(facts: Facts, _today: date) -> Outcomes:
    """R-GOV-1, R-GOV-2: sales director for plans, general manager for rewards; both above 10 per cent (ours)."""
    domain = facts["domain"]
    signers = {"compliance", "sales_director"}
    if domain == "governance":
        return {"signers": {"compliance", "general_manager"}}
    if domain == "rewards":
        signers = {"compliance", "general_manager", "finance_director"}
    if facts.get("impact_share", 0) > Decimal("0.1"):
        signers |= {"sales_director", "general_manager"}
    return {"signers": signers}


SPELLINGS: Mapping[str, Callable[[Facts, date], Outcomes]] = {"governance/sign_off": sign_off}
VALUES: Mapping[str, Callable[[date], Mapping[str, tuple[object, ...]]]] = {
    "governance/sign_off": lambda _: {"impact_share": ("0.0999", "0.1", "0.1001")},
}
