"""Rewards and penalties once more, in plain Python: written from the rows of the regulation and our readings.

Imports nothing of the product; as `plain_followup`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from tests.policies.plain_followup import Facts, Outcomes, around, months_after

ACCURATE = ("promotion_opportunity", "bonus", "certificate", "praise")
SHARES = {1: (200, (60, 60, 80)), 2: (250, (75, 75, 100)), 3: (250, (75, 75, 100)), 4: (300, (90, 90, 120))}
"""Thousandths of the year: a quarter, and its three months (ours)."""


def fen(amount: Fraction) -> Decimal:
    """An amount that is not negative, rounded half up to the fen."""
    return Decimal((200 * amount.numerator + amount.denominator) // (2 * amount.denominator)) / 100


def data_quality(facts: Facts, _today: date) -> Outcomes:
    """R-DQ-1, R-RW-1, R-PN-1: graver cases first, then accuracy; 80, 90 and 98 per cent and the sums are ours."""
    share = Fraction(facts["records_correct"], facts["records_required"])
    lost, grouping, marked = facts["data_lost"], facts["grouping"], facts["effect_is_marked"]
    grave, sound = lost + (grouping == "muddled"), grouping == "sound"
    measure = "none"
    if share > 1:
        measure = "review"
    elif grave:
        measure = ("performance_deduction", "demotion")[grave - 1]
    elif share < Fraction(9, 10):
        measure = "fine" if share < Fraction(4, 5) else "warning"
    elif share >= Fraction(98, 100):
        measure = ("praise", "certificate", "bonus", "promotion_opportunity")[2 * sound + marked]
    return {
        "measure": measure,
        "accuracy_percent": fen(share * 100),
        "bonus": Decimal({"promotion_opportunity": 2000, "bonus": 1000}.get(measure, 0)),
        "fine": Decimal(200 if measure == "fine" else 0),
    }


def customer_rewards(facts: Facts, _today: date) -> Outcomes:
    """R-CUS-1: 1 per cent from 100,000 CNY, half a per cent from 36 months, 500 CNY a referral, each capped (ours)."""
    amount = Fraction(facts["amount_12m"])
    volume = min(fen(amount / 100), Decimal(50_000)) if amount >= 100_000 else Decimal(0)
    loyalty = min(fen(amount / 200), Decimal(20_000)) if facts["months_as_customer"] >= 36 else Decimal(0)
    return {"reward": volume + loyalty + min(500 * facts["referrals_12m"], 10_000)}


def grouping_assessment(facts: Facts, _today: date) -> Outcomes:
    """R-DQ-2: self 20, superior 30, data 50 of a hundred (ours)."""
    weights = {"self": 20, "superior": 30, "conversion": 20, "satisfaction": 15, "performance": 15}
    total = Decimal(sum(weight * facts[f"{name}_score"] for name, weight in weights.items())) / 100
    grade = next(word for least, word in ((85, "excellent"), (70, "good"), (60, "fair"), (0, "poor")) if total >= least)
    return {"grade": grade, "total_score": total}


def staff_rewards(facts: Facts, _today: date) -> Outcomes:
    """R-RW-1: by the measure for accuracy and the grade of the grouping."""
    measure, grade = facts["measure"], facts["grade"]
    if measure not in ACCURATE or grade == "poor":
        return {"rewards": set()}
    rewards = {"praise"}
    if measure in {"promotion_opportunity", "bonus"}:
        rewards.add("bonus")
        rewards |= {"certificate"} if grade == "excellent" else set()
    if (measure, grade) == ("promotion_opportunity", "excellent"):
        rewards.add("promotion_opportunity")
    if measure == "certificate" and grade in {"excellent", "good"}:
        rewards.add("certificate")
    return {"rewards": rewards}


def penalties(facts: Facts, _today: date) -> Outcomes:
    """R-PN-1: warning, fine, deduction, demotion; a grave fault begins two steps further on (ours)."""
    steps = ("warning", "fine", "performance_deduction", "demotion")
    grave = facts["fault"] in {"data_lost", "grouping_muddled"}
    step = min(facts["times_12m"] + 1, 3) if grave else min(facts["times_12m"] - 1, 2)
    return {"penalty": steps[step], "fine": Decimal(200 if steps[step] == "fine" else 0)}


def kpi_review(facts: Facts, _today: date) -> Outcomes:
    """R-KPI-1 and the market share of R-TGT-1: nine figures; all, six, fewer (ours)."""
    months = {"month": 1, "quarter": 3, "year": 12}[facts["period"]]
    met = (
        facts["sales_attainment_percent"] >= 90,
        facts["new_customers"] >= 50 * months,
        facts["retention_percent"] >= 85,
        facts["repurchase_percent"] >= 70,
        facts["sales_cycle_days"] <= 30,
        facts["order_value_change_percent"] >= 10,
        facts["satisfaction_percent"] >= 90,
        facts["online_roi_percent"] > facts["offline_roi_percent"],
        facts["market_share_percent"] >= 15,
    )
    figures = sum(met)
    result = "met" if all(met) else "partly_met" if figures >= 6 else "missed"
    return {"result": result, "figures_met": figures, "plan_to_improve": figures < 6}


def period_targets(facts: Facts, _today: date) -> Outcomes:
    """R-TGT-1: year to quarter and month."""
    quarter, month = (facts["month"] + 2) // 3, (facts["month"] - 1) % 3
    share, months = SHARES[quarter]
    year = Fraction(facts["year_target"])
    return {
        "quarter": quarter,
        "quarter_target": fen(year * share / 1000),
        "month_target": fen(year * months[month] / 1000),
    }


def person_targets(facts: Facts, _today: date) -> Outcomes:
    """R-TGT-1: month to team and person; 30, 30, 40 per cent, the same for everybody (ours)."""
    team = Fraction(facts["month_target"]) * (4 if facts["team_kind"] == "key_accounts" else 3) / 10
    return {"team_target": fen(team), "person_target": fen(team / facts["salespeople"])}


def incentives(facts: Facts, _today: date) -> Outcomes:
    """R-INC-1, R-NEW-1: 2 per cent a month, 1 per cent a quarter or year on target, honour from 120 per cent (ours)."""
    period, sales, target = facts["period"], facts["net_sales"], facts["sales_target"]
    honours: set[str] = set()
    reward = Decimal(0)
    if not facts["on_trial"] and sales > 0:
        if period == "month":
            reward = (sales / 50).quantize(Decimal("0.01"), ROUND_HALF_UP)
        elif sales >= target:
            cap = 20_000 if period == "quarter" else 50_000
            reward = min((sales / 100).quantize(Decimal("0.01"), ROUND_HALF_UP), Decimal(cap))
            if period == "year" and sales * 5 >= target * 6:
                honours = {"honour_title", "promotion"}
    return {"reward": reward, "honours": honours}


def trial_period(facts: Facts, today: date) -> Outcomes:
    """R-NEW-1: three months from the day of joining."""
    joined, ends = facts["joined_on"], months_after(facts["joined_on"], 3)
    status = "not_joined" if joined > today else "trial" if today < ends else "regular"
    return {"status": status, "on_trial": today < ends, "commission_from": ends}


def negligence_fine(facts: Facts, _today: date) -> Outcomes:
    """R-FINE-1: 100 CNY for each negligence with a loss."""
    losses = facts["negligences_with_loss"]
    if losses > facts["negligences"]:
        return {"measure": "review", "fine": Decimal(0)}
    return {"measure": "fine" if losses else "none", "fine": Decimal(100 * losses)}


def conduct(facts: Facts, _today: date) -> Outcomes:
    """R-COND-1: gravest, serious (warned, dismissed), minor (warned, fined, suspended: ours)."""
    earlier = facts["earlier_faults"]
    if facts["gravest_acts"]:
        return {"gravity": "gravest", "measure": "dismissal", "fine": Decimal(0)}
    if facts["serious_fault"]:
        return {"gravity": "serious", "measure": "dismissal" if earlier else "warning", "fine": Decimal(0)}
    if facts["minor_fault"] or facts["minutes_away"] >= 61 or facts["minutes_after_1930"] >= 1:
        measure = ("warning", "fine", "suspension")[min(earlier, 2)]
        return {"gravity": "minor", "measure": measure, "fine": Decimal(100 if measure == "fine" else 0)}
    return {"gravity": "none", "measure": "none", "fine": Decimal(0)}


def cash_handling(facts: Facts, today: date) -> Outcomes:
    """R-CASH-1: the same day, in full, the money itself."""
    taken, paid = facts["collected"], facts["handed_in"]
    day, paid_on = facts["collected_on"], facts.get("handed_in_on")
    short = max(taken - paid, Decimal(0))
    if facts["misused"] or facts["cheque_substituted"]:
        return {"status": "misused", "measure": "dismissal", "difference": short}
    wrong_dates = day > today or (paid_on is not None and not day <= paid_on <= today)
    if wrong_dates or (paid_on is None and paid) or paid > taken:
        return {"status": "review", "measure": "none", "difference": Decimal(0)}
    if paid_on is None:
        late = today > day
        return {
            "status": "overdue" if late else "open",
            "measure": "explanation" if late else "none",
            "difference": short if late else Decimal(0),
        }
    status = "short" if short else "late" if paid_on > day else "in_order"
    return {"status": status, "measure": "none" if status == "in_order" else "explanation", "difference": short}


SPELLINGS: Mapping[str, Callable[[Facts, date], Outcomes]] = {
    f"rewards/{each.__name__}": each
    for each in (
        data_quality,
        customer_rewards,
        grouping_assessment,
        staff_rewards,
        penalties,
        kpi_review,
        period_targets,
        person_targets,
        incentives,
        trial_period,
        negligence_fine,
        conduct,
        cash_handling,
    )
}

SCORES = (0, 1, 59, 60, 61, 69, 70, 71, 84, 85, 86, 99, 100)
AMOUNTS = ("0.01", "0.05", "0.07", "1", "100.50", "100.49", "999999.99", "1000000", "2000000", "5000001.5", "5000000")
VALUES: Mapping[str, Callable[[date], Mapping[str, tuple[object, ...]]]] = {
    "rewards/data_quality": lambda _: {
        "records_required": (100, 100, 50, 3),
        "records_correct": (0, 2, 3, 40, 45, 49, 50, 79, 80, 81, 89, 90, 91, 97, 98, 98, 98, 99, 99, 100, 101),
    },
    "rewards/customer_rewards": lambda _: {
        "amount_12m": (0, "0.99", "99999.99", "100000", "100000.49", "100000.50", "4000000", "4000001", "5000001"),
        "months_as_customer": (0, 35, 36, 37),
        "referrals_12m": (0, 0, 1, 19, 20, 21),
    },
    "rewards/grouping_assessment": lambda _: {
        f"{name}_score": SCORES for name in ("self", "superior", "conversion", "satisfaction", "performance")
    },
    "rewards/penalties": lambda _: {"times_12m": (1, 2, 3, 4)},
    "rewards/kpi_review": lambda _: {
        "sales_attainment_percent": ("89.99", 90, 90, "90.01"),
        "new_customers": (49, 50, 51, 149, 150, 151, 599, 600, 601),
        "retention_percent": ("84.99", 85, 85, "85.01"),
        "repurchase_percent": ("69.99", 70, 70, "70.01"),
        "sales_cycle_days": ("29.9", 30, 30, "30.1"),
        "order_value_change_percent": ("9.99", 10, 10, "10.01"),
        "satisfaction_percent": ("89.99", 90, 90, "90.01"),
        "online_roi_percent": ("11.99", 12, "12.01", "12.02"),
        "offline_roi_percent": ("11.99", 12, "12.01"),
        "market_share_percent": ("14.99", 15, 15, "15.01"),
    },
    "rewards/period_targets": lambda _: {
        "year_target": (0, *AMOUNTS, "10000000", "123456789.01"),
        "month": tuple(range(1, 13)),
    },
    "rewards/person_targets": lambda _: {
        "month_target": (0, *AMOUNTS),
        "salespeople": (1, 2, 3, 7, 10_000),
    },
    "rewards/incentives": lambda _: {
        "net_sales": ("-0.01", 0, *AMOUNTS, "1199999.99", "1200000", "2000001", "4999999.99"),
        "sales_target": (0, *AMOUNTS),
    },
    "rewards/trial_period": lambda today: {"joined_on": around(today)},
    "rewards/negligence_fine": lambda _: dict.fromkeys(
        ("negligences", "negligences_with_loss"), (0, 1, 2, 3, 999, 1000)
    ),
    "rewards/conduct": lambda _: {
        "minutes_away": (0, 59, 60, 61, 1440),
        "minutes_after_1930": (0, 0, 0, 1, 2),
        "earlier_faults": (0, 1, 2, 3),
    },
    "rewards/cash_handling": lambda today: {
        "collected_on": tuple(today + timedelta(days) for days in (-2, -1, 0, 1)),
        "handed_in_on": (None, *(today + timedelta(days) for days in (-3, -2, -1, 0, 1))),
        "collected": ("0.01", "4999.99", "5000", "5000.01"),
        "handed_in": (0, "0.01", "4999.99", "5000", "5000.01"),
    },
}
