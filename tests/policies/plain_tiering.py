"""Tiering once more, in plain Python: written from the regulation's rows and our readings of them, not from the files.

Imports nothing of the product. A function takes the facts that are given (whole numbers, Decimal, bool, text, set) and
the day, and returns the outcomes, a list of them where the policy lists. `VALUES` are the values beside every limit
that the rows and our readings name; of facts that are words, yes or no, or tags, all are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.policies.plain_reviews import FEN, Facts, Outcomes, group_review, record_review, tier_review

Spelling = Callable[[Facts, date], "Outcomes | list[Outcomes]"]


def steps(value: Any, *limits: float) -> int:  # noqa: ANN401  # int or Decimal
    """How many of the limits are reached."""
    return sum(value >= limit for limit in limits)


def beside(*limits: int) -> tuple[int, ...]:
    """Whole numbers at each limit and one to both sides."""
    return tuple(sorted({limit + step for limit in limits for step in (-1, 0, 1) if limit + step >= 0}))


def amounts(*limits: int) -> tuple[Decimal, ...]:
    """Amounts at each limit and one fen to both sides."""
    return tuple(sorted({limit + step * FEN for limit in limits for step in (-1, 0, 1) if limit + step * FEN >= 0}))


def rfm_value(facts: Facts, _today: date) -> Outcomes:
    """R-RFM-1 to R-RFM-4, R-RFM-7: the weakest of three figures holds down; who buys much is not lost (ours)."""
    amount, mean = facts["amount_12m"], facts["industry_mean_amount"]
    orders, usual = facts["orders_12m"], facts["industry_mean_orders"]
    days = facts.get("recency_days")
    rich = amount > Decimal("1.2") * mean
    if days is None or (amount == 0 and orders == 0):
        return {"tier": "B" if rich else "C"}
    levels = [amount >= Decimal("0.8") * mean, orders >= Decimal("0.8") * usual]
    if days < 30 and amount > Decimal("1.5") * mean and orders > Decimal("1.3") * usual:
        return {"tier": "S"}
    if days < 60 and all(levels):
        return {"tier": "A"}
    if days <= 90:
        return {"tier": "C" if not any(levels) and orders < 2 else "B"}
    return {"tier": "B" if rich else "C"}


def absolute_value(facts: Facts, _today: date) -> Outcomes:
    """R-RFM-5: a million, half a million, a hundred thousand; each later step of days costs a tier (ours)."""
    days, size = facts.get("recency_days"), steps(facts["amount_12m"], 100_000, 500_000)
    top = facts["amount_12m"] > 1_000_000
    if days is None or days > 90 or size == 0:
        return {"tier": "B" if top else "C"}
    if top and days < 30:
        return {"tier": "S"}
    return {"tier": "A" if size == 2 and days < 60 else "B"}


def importance(facts: Facts, _today: date) -> Outcomes:
    """R-IMP-1: long-term from 36 months and buying, large from 500,000 CNY (ours), or of great weight."""
    order = facts["largest_order_12m"]
    key = facts["of_great_weight"] or order >= 500_000 or (order > 0 and facts["months_as_customer"] >= 36)
    kind = "key" if key else "ordinary" if order > 0 else "potential"
    owners = {"key": "key_account_manager", "ordinary": "sales_team", "potential": "marketing"}
    return {"importance": kind, "owner": owners[kind]}


def membership_card(facts: Facts, _today: date) -> Outcomes:
    """R-CARD-1 to R-CARD-3: the best card that any of the grounds gives."""
    total, standing, contacts = facts["total_purchases"], facts["standing"], facts["contacts"]
    villa, bought = "villa" in standing, total > 0
    weight = {"trade_influence", "regional_influence", "brings_others"}
    grounds = {
        "A": total > 50_000_000 or (villa and bool(weight & standing)),
        "B": villa or total >= 8_000_000 or (bought and bool({"public_office", "trade_influence"} & standing)),
        "C": bought,
        "D": bool({"intent", "event"} & contacts),
        "E": bool(contacts),
        "none": True,
    }
    return {"card": next(card for card, holds in grounds.items() if holds)}


def purchase_behaviour(facts: Facts, _today: date) -> Outcomes:
    """R-BUY-1: an order a month, a quarter; half a million (ours)."""
    frequency = ("low", "mid", "high")[steps(facts["orders_12m"], 4, 12)]
    return {"frequency": frequency, "amount_class": ("low_value", "high_value")[steps(facts["amount_12m"], 500_000)]}


def purchase_cycle(facts: Facts, _today: date) -> Outcomes:
    """R-BUY-1: the mean interval, begun days counted; 90 days where there is none (ours)."""
    first, last, orders = facts.get("first_order_days"), facts.get("recency_days"), facts["orders_total"]
    if first is not None and last is not None and last > first:
        return {"purchase_cycle_days": 90, "cycle_basis": "review"}
    if orders >= 2 and first is not None and last is not None:
        return {"purchase_cycle_days": max(1, -((last - first) // (orders - 1))), "cycle_basis": "own"}
    return {"purchase_cycle_days": 90, "cycle_basis": "default"}


def value_score(facts: Facts, _today: date) -> Outcomes:
    """R-VAL-1: up to 50 points for amount, 30 for orders, 20 for influence (ours)."""
    amount = (0, 5, 20, 35, 50)[(facts["amount_12m"] > 0) + steps(facts["amount_12m"], 100_000, 500_000, 1_000_000)]
    total = amount + 10 * steps(facts["orders_12m"], 1, 4, 12)
    total += {"leading": 20, "notable": 10, "ordinary": 0}[facts["industry_influence"]]
    return {"value_class": ("low", "mid", "high")[steps(total, 40, 70)], "value_points": total}


def life_cycle(facts: Facts, _today: date) -> Outcomes:
    """R-LIFE-1, R-RFM-7: by the customer's own cycle; high value is judged a stage better and never lost."""
    first, last, cycle = facts.get("first_order_days"), facts.get("recency_days"), facts["purchase_cycle_days"]
    high, stage, ask = facts["value_class"] == "high", "lost", False
    if facts["orders_total"] == 0:
        stage = "prospect"
    elif first is None or last is None or last > first:
        stage = "review"
    elif first <= 90:
        stage = "new"
    elif 2 * last <= 3 * cycle:
        stage = "steady"
    elif last <= 3 * cycle or high:
        stage, ask = "steady" if high and last <= 3 * cycle else "churn_risk", True
    return {"stage": stage, "ask_for_the_cause": ask}


def enterprise_scale(facts: Facts, _today: date) -> Outcomes:
    """R-SIZE-1: the middle one of three figures decides (ours)."""
    ranks = (
        steps(facts["staff"], 50, 500),
        steps(facts["yearly_turnover"], 20_000_000, 400_000_000),
        steps(facts["total_assets"], 20_000_000, 400_000_000),
    )
    return {"scale": ("small", "medium", "large")[sorted(ranks)[1]]}


def abc_class(facts: Facts, _today: date) -> Outcomes:
    """R-ABC-1: by the limits of the channel; nothing bought is C (ours)."""
    amount, a, b = facts["amount_12m"], facts["abc_limit_a"], facts["abc_limit_b"]
    if a < b:
        return {"abc_class": "review"}
    return {"abc_class": "CBA"[(amount > 0) and (amount >= a) + (amount >= b)]}


def sales_share(facts: Facts, _today: date) -> Outcomes:
    """R-ABC-2: the customer's share of the company's sales in per cent, of the month and of the year."""
    month, year = facts["amount_1m"], facts["amount_12m"]
    all_month, all_year = facts["company_sales_1m"], facts["company_sales_12m"]
    sound = month <= all_month <= all_year and month <= year <= all_year

    def share(part: Decimal, whole: Decimal) -> Decimal:
        return (100 * part / whole).quantize(FEN, ROUND_HALF_UP) if sound and whole else Decimal("0.00")

    return {
        "share_1m_percent": share(month, all_month),
        "share_12m_percent": share(year, all_year),
        "measured": sound,
    }


def need_tags(facts: Facts, _today: date) -> list[Outcomes]:
    """R-NEED-1: each tag that holds (limits are ours)."""
    discount, days = facts.get("discount_orders_percent"), facts.get("delivery_days_asked")
    main = facts.get("main_category_percent")
    tags = []
    if discount is not None:
        tags.append(("price_insensitive", "price_moderate", "price_sensitive")[steps(discount, 10, 50)])
    held = {
        "technology_driven": facts["technical_enquiries_12m"] > 2,
        "urgent_purchase": days is not None and days < 8,
        "long_term_cooperation": facts["framework_contract"],
        "service_focused": facts["service_requests_12m"] > 5,
        "product_preference": main is not None and main >= 60,
    }
    tags += [tag for tag, holds in held.items() if holds]
    return [{"need": tag} for tag in tags or ["unknown"]]


def decision_role(facts: Facts, _today: date) -> Outcomes:
    """R-ROLE-1: the highest role that the authority gives; weights 5, 3, 1 (ours)."""
    weights = {"signs": 5, "approves": 5, "vetoes": 3, "specifies": 3, "advises": 3, "uses": 1, "liaises": 1}
    weight = max((weights[each] for each in facts["authority"]), default=0)
    return {"decision_role": {5: "decider", 3: "influencer", 1: "participant", 0: "none"}[weight], "weight": weight}


def campaign_response(facts: Facts, _today: date) -> Outcomes:
    """R-CAMP-1: the intent first, then the feedback, then having taken part (ours)."""
    feedback, intent = facts.get("campaign_feedback"), facts["intent_after"]
    if intent == "strong":
        return {"campaign_response": "strong"}
    if intent == "weak":
        return {"campaign_response": "slight" if feedback == "poor" else "moderate"}
    result = feedback in {"good", "fair"} or (feedback is None and facts["took_part"])
    return {"campaign_response": "slight" if result else "none"}


def cross_group(facts: Facts, _today: date) -> Outcomes:
    """R-CROSS-1: of high frequency or not, manufacturing or not, large or not (ours), in the order of their names."""
    frequency = "high" if facts["frequency"] == "high" else "lower"
    industry = "manufacturing" if facts["industry"] == "manufacturing" else "others"
    return {"cross_group": f"{frequency}_{industry}_{'large' if facts['scale'] == 'large' else 'smaller'}"}


def buyer_experience(facts: Facts, _today: date) -> Outcomes:
    """R-EXP-1: two of three signs (ours); a long decision takes more than 90 days (ours)."""
    signs = facts["wants_whole_systems"] + facts["needs_much_support"] + (facts["decision_days"] > 90)
    if signs > 1:
        return {"buyer": "generalist", "offer": "whole_system"}
    return {"buyer": "specialist", "offer": "price_and_performance"}


def dimensions(facts: Facts, _today: date) -> Outcomes:
    """R-DIM-1."""
    by_stage = {
        "start_up": {"size", "industry"},
        "growth": {"frequency", "need_tags"},
        "mature": {"lifetime_value", "churn_warning"},
    }
    return {"dimensions": by_stage[facts["company_stage"]]}


REGIONS = {
    "north": "beijing tianjin hebei shanxi inner_mongolia",
    "northeast": "liaoning jilin heilongjiang",
    "east": "shanghai jiangsu zhejiang anhui fujian jiangxi shandong",
    "central": "henan hubei hunan",
    "south": "guangdong guangxi hainan",
    "southwest": "chongqing sichuan guizhou yunnan tibet",
    "northwest": "shaanxi gansu qinghai ningxia xinjiang",
    "hong_kong_macao_taiwan": "hong_kong macao taiwan",
    "abroad": "abroad",
}


def region(facts: Facts, _today: date) -> Outcomes:
    """R-CRIT-1: the customary parts of the country (ours)."""
    [result] = [name for name, provinces in REGIONS.items() if facts["province"] in provinces.split()]
    return {"region": result}


def purchase_history(facts: Facts, _today: date) -> Outcomes:
    """R-CRIT-1: 36 months are long (ours); months without an order are reviewed (ours)."""
    orders, months = facts["orders_total"], facts["months_as_customer"]
    if not orders:
        return {"history": "review" if months else "none"}
    return {"history": "single" if orders == 1 else "long_standing" if months >= 36 else "repeat"}


def customer_source(facts: Facts, _today: date) -> Outcomes:
    """R-SRC-1: owners, then special channels and events, then visits and calls (ours)."""
    grade = {"owner": 1, "special_channel": 2, "event": 2, "visit": 3, "call": 3}[facts["customer_source"]]
    return {"source_grade": f"grade_{grade}", "collect_information": not facts["information_complete"]}


def customer_assignment(facts: Facts, _today: date) -> Outcomes:
    """R-OWN-1, R-IMP-1: one owner; size before industry, and the growth of the target (ours)."""
    owners, importance = facts["owners_on_record"], facts["importance"]
    if owners > 1:
        team, kind, growth = "none_yet", "supervisor", 0
    elif importance == "key":
        team, kind, growth = "key_accounts", "key_account_manager", 15
    elif importance == "potential":
        team, kind, growth = "new_development", "marketing", 0
    elif facts["scale"] == "large":
        team, kind, growth = "existing_care", "size_specialist", 12
    else:
        special = facts["industry"] != "other"
        team, kind, growth = "existing_care", *(("industry_specialist", 10) if special else ("salesperson", 8))
    return {"team": team, "kind_of_owner": kind, "assign_owner": not owners, "target_growth_percent": growth}


def sales_team(facts: Facts, _today: date) -> Outcomes:
    """R-TEAM-1: the value of what teams go by names the team."""
    return {"sales_team": facts.get(facts["team_basis"], "no_team")}


SPELLINGS: Mapping[str, Spelling] = {
    "tiering/rfm_value": rfm_value,
    "tiering/absolute_value": absolute_value,
    "tiering/importance": importance,
    "tiering/membership_card": membership_card,
    "tiering/group_review": group_review,
    "tiering/tier_review": tier_review,
    "tiering/record_review": record_review,
    "followup/customer_assignment": customer_assignment,
    "followup/sales_team": sales_team,
    "tiering/cross_group": cross_group,
    "tiering/buyer_experience": buyer_experience,
    "tiering/dimensions": dimensions,
    "tiering/region": region,
    "tiering/purchase_history": purchase_history,
    "tiering/customer_source": customer_source,
    "tiering/purchase_behaviour": purchase_behaviour,
    "tiering/purchase_cycle": purchase_cycle,
    "tiering/value_score": value_score,
    "tiering/life_cycle": life_cycle,
    "tiering/enterprise_scale": enterprise_scale,
    "tiering/abc_class": abc_class,
    "tiering/sales_share": sales_share,
    "tiering/need_tags": need_tags,
    "tiering/decision_role": decision_role,
    "tiering/campaign_response": campaign_response,
}

ORDERS_12M = beside(1, 4, 12)
AMOUNT_12M = amounts(0, 100_000, 500_000, 1_000_000)
DAYS = (*beside(0, 30, 45, 90, 270), 135, 137, 100_000)

INDEX = amounts(90, 100, 110)

VALUES: Mapping[str, Mapping[str, Sequence[object]]] = {
    "tiering/rfm_value": {
        "amount_12m": (0, 0, *amounts(0, 800, 1000, 1200, 1500)),
        "orders_12m": (0, *beside(0, 2, 8, 10, 12, 13), 10, 14),
        "recency_days": beside(30, 60, 90),
        "industry_mean_amount": (0, 1000, 1000, 1000, 1000),
        "industry_mean_orders": (0, "1.25", 10, 10, 10, 10),
    },
    "tiering/absolute_value": {
        "amount_12m": amounts(0, 100_000, 500_000, 1_000_000),
        "recency_days": beside(30, 60, 90),
    },
    "tiering/importance": {"months_as_customer": (0, 0, *beside(36)), "largest_order_12m": (0, 0, *amounts(500_000))},
    "tiering/membership_card": {"total_purchases": (0, 0, *amounts(0, 8_000_000, 50_000_000))},
    "tiering/group_review": {
        "months_in_force": (2, 3, 4, 12, 24),
        "group_customers": (29, 30, 31, 500, 9000),
        "group_share_percent": (Decimal("49.99"), 50, Decimal("50.01"), 12, 1),
        **dict.fromkeys(("sales_index", "satisfaction_index", "conversion_index"), INDEX),
    },
    "tiering/tier_review": {
        "customers_at_start": (0, 100, 150, 100, 150, 200),
        "customers_lost": (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 96, 100),
        "customers_upgraded": (0, 0, 1, 2, 3, 4, 5),
        "customers_repurchased": (0, 50, 69, 70, 71, 100, 101, 104, 105, 139, 140, 150),
        "customers_approached": (0, 100, 100, 101),
        "customers_converted": (0, 9, 10, 11, 100),
    },
    "tiering/record_review": {
        "fields_required": (1, 3, 10, 10),
        "fields_filled": (0, 1, 2, 3, 9, 10),
        "fields_wrong": (0, 0, 0, 1, 2, 3),
    },
    "followup/customer_assignment": {"owners_on_record": (0, 1, 0, 1, 2)},
    "tiering/buyer_experience": {"decision_days": beside(90)},
    "tiering/purchase_history": {"orders_total": beside(1), "months_as_customer": beside(0, 36)},
    "tiering/purchase_behaviour": {"orders_12m": ORDERS_12M, "amount_12m": AMOUNT_12M},
    "tiering/purchase_cycle": {"orders_total": (0, 1, 2, 3, 4, 8), "first_order_days": DAYS, "recency_days": DAYS},
    "tiering/value_score": {"orders_12m": ORDERS_12M, "amount_12m": AMOUNT_12M},
    "tiering/life_cycle": {
        "orders_total": (0, 1, 2),
        "first_order_days": (*DAYS, 271, 400),
        "recency_days": DAYS,
        "purchase_cycle_days": (1, 30, 31, 90),
    },
    "tiering/enterprise_scale": {
        "staff": beside(50, 500),
        "yearly_turnover": amounts(20_000_000, 400_000_000),
        "total_assets": amounts(20_000_000, 400_000_000),
    },
    "tiering/abc_class": {
        "amount_12m": amounts(0, 200, 800),
        "abc_limit_a": (0, 200, 800),
        "abc_limit_b": (0, 200, 800),
    },
    "tiering/sales_share": {
        "amount_1m": amounts(0, 1, 200),
        "amount_12m": amounts(0, 200, 1200),
        "company_sales_1m": (*amounts(0, 1000), 20_000),
        "company_sales_12m": (*amounts(1000, 12_000), 20_001),
    },
    "tiering/need_tags": {
        "discount_orders_percent": amounts(10, 50),
        "technical_enquiries_12m": beside(3),
        "delivery_days_asked": beside(7),
        "service_requests_12m": beside(6),
        "main_category_percent": amounts(60),
    },
}
