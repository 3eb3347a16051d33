"""The reviews of groups, tiers and records once more, in plain Python: written from the regulation's rows.

Imports nothing of the product. A function takes the facts that are given (whole numbers, Decimal, bool, text, set) and
the day, and returns the outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Facts = Mapping[str, Any]
Outcomes = dict[str, Any]

FEN = Decimal("0.01")


def percent(part: int, whole: int) -> Decimal:
    """A share in per cent with two decimals, half up; 0 of nothing."""
    return (Decimal(100 * part) / max(whole, 1)).quantize(FEN, ROUND_HALF_UP)


def group_review(facts: Facts, _today: date) -> Outcomes:
    """R-GOV-5: a quarter, 30 customers, half of all, a tenth above or below the rest (ours)."""
    indices = [facts[name] for name in ("sales_index", "satisfaction_index", "conversion_index")]
    if facts["months_in_force"] <= 2:
        return {"action": "wait"}
    if facts["group_customers"] < 30:
        return {"action": "merge"}
    if facts["group_share_percent"] > 50:
        return {"action": "split"}
    if all(abs(index - 100) <= 10 for index in indices):
        return {"action": "merge"}
    return {"action": "adjust" if sorted(indices)[1] < 90 else "keep"}


def tier_review(facts: Facts, _today: date) -> Outcomes:
    """R-GOV-6: losses of S, upgrades of B, repurchase in a quarter, conversion (limits are ours)."""
    tier, start, quarter = facts["tier"], facts["customers_at_start"], facts["review_period"] == "quarter"
    lost, upgraded, again = facts["customers_lost"], facts["customers_upgraded"], facts["customers_repurchased"]
    converted, approached = facts["customers_converted"], facts["customers_approached"]
    counts = ((lost, start), (upgraded, start), (again, start), (converted, approached))
    sound = lost + upgraded <= start and again <= start and converted <= approached and not (tier == "S" and upgraded)
    results = {
        "losses": tier == "S" and 100 * lost > (5 if quarter else 2) * start,
        "few_upgrades": tier == "B" and 100 * upgraded < (3 if quarter else 1) * start,
        "low_repurchase": quarter and 10 * again < 7 * start,
        "low_conversion": 10 * converted < approached,
        "none": True,
    }
    names = ("loss_percent", "upgrade_percent", "repurchase_percent", "conversion_percent")
    rates = [percent(*count) if sound else Decimal("0.00") for count in counts]
    first = next(name for name, holds in results.items() if holds)
    return {"finding": first if sound else "review", **dict(zip(names, rates, strict=True))}


def record_review(facts: Facts, _today: date) -> Outcomes:
    """R-GOV-9: remove, correct (ours), fill or flag."""
    required, filled, wrong = facts["fields_required"], facts["fields_filled"], facts["fields_wrong"]
    if not wrong <= filled <= required:
        return {"treatment": "review", "completeness_percent": Decimal("0.00"), "correctness_percent": Decimal("0.00")}
    treatment = "accept"
    if filled < required:
        treatment = "fill" if facts["missing_can_be_obtained"] else "flag"
    if wrong or facts["is_inconsistent"]:
        treatment = "correct"
    if facts["is_duplicate"] or facts["is_invalid"]:
        treatment = "remove"
    return {
        "treatment": treatment,
        "completeness_percent": percent(filled, required),
        "correctness_percent": percent(filled - wrong, filled),
    }
