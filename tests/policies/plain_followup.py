"""Follow-up once more, in plain Python: written from the rows of the regulation and our readings, not from the files.

Imports nothing of the product. A function takes the facts that are given (int, Decimal, bool, date, str, set) and the
day, and returns the outcomes. `VALUES` are the values beside every limit that the rows and our readings name.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any

Facts = Mapping[str, Any]
Outcomes = dict[str, Any]


def months_after(day: date, months: int) -> date:
    """The same day so many months later, or the last of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


TOUCHES: Mapping[str, tuple[str, str, int, str, set[str]]] = {
    "S": (
        *("sales_director", "executive_visit", 1, "month"),
        {"product_manager", "priority_delivery", "industry_news", "early_access"},
    ),
    "A": ("senior_sales", "in_depth_talk", 2, "quarter", {"technical_team", "customer_salon"}),
    "B": ("sales_specialist", "standard_touch", 1, "month", {"value_bundle"}),
    "C": ("customer_service", "bulk_touch", 1, "quarter", {"industry_report", "promotion"}),
}


def contact_cadence(facts: Facts, today: date) -> Outcomes:
    """R-CAD-S to R-CAD-C: who, how, how often; two talks a quarter are 45 days apart, a promising C is as B (ours)."""
    tier, last = facts["tier"], facts["last_contact_on"]
    *touch, extras = TOUCHES[tier]
    if tier == "C" and facts.get("promising"):
        touch = list(TOUCHES["B"][:-1])
    owner, contact, contacts, period = touch
    due = last + timedelta(45) if tier == "A" else months_after(last, 1 if period == "month" else 3)
    return {
        "owner": owner,
        "contact": contact,
        "contacts": contacts,
        "period": period,
        "next_contact_by": due,
        "overdue": today > due,
        "extras": extras,
    }


def value_cadence(facts: Facts, today: date) -> Outcomes:
    """R-CAD-V: high every month by a manager; mid and low once a quarter (ours)."""
    high, mid = facts["value_class"] == "high", facts["value_class"] == "mid"
    due = months_after(facts["last_contact_on"], 1 if high else 3)
    return {
        "mode": "dedicated_manager" if high else "standard_flow" if mid else "automated",
        "contact": "visit_or_call" if high else "return_visit" if mid else "mail_or_bot",
        "promotion_news": mid,
        "next_contact_by": due,
        "overdue": today > due,
    }


def survey(facts: Facts, today: date) -> Outcomes:
    """R-SURV-1: every quarter, target 90 per cent."""
    last, satisfaction = facts.get("surveyed_on"), facts.get("satisfaction_percent")
    if last is None:
        return {"action": "survey", "next_survey_by": today, "overdue": False}
    if last > today:
        return {"action": "review", "next_survey_by": today, "overdue": False}
    due = months_after(last, 3)
    low = satisfaction is not None and satisfaction < 90
    action = "survey" if due <= today else "call_back" if low else "none"
    return {"action": action, "next_survey_by": due, "overdue": due < today}


def care(facts: Facts, today: date) -> Outcomes:
    """R-CARE-1: birthday, festival, yearly event, product update; one a day, in this order (ours)."""
    born, festival, event = facts.get("birthday"), facts.get("festival_on"), facts.get("last_event_on")
    if born and born > today:
        return {"care": "review"}
    if born:
        is_moved = (born.month, born.day) == (2, 29) and not calendar.isleap(today.year)
        if (today.month, today.day) == ((2, 28) if is_moved else (born.month, born.day)):
            return {"care": "birthday_greeting"}
    if festival == today:
        return {"care": "festival_greeting"}
    if event is None or months_after(event, 12) <= today:
        return {"care": "event_invitation"}
    return {"care": "update_notice" if facts["updates_to_tell"] else "none"}


def win_back(facts: Facts, _today: date) -> Outcomes:
    """R-WIN-1: fewer orders, and the sudden loss of a key customer; sudden is below half (ours)."""
    key, now, before = facts["importance"] == "key", facts["orders_12m"], facts["orders_previous_12m"]
    if key and (facts["has_left"] or now < Decimal(before) / 2):
        return {"action": "task_force", "extras": {"limited_offer", "executive_visit"}}
    if facts["has_left"]:
        return {"action": "win_back", "extras": {"limited_offer"}}
    return {"action": "find_cause" if now < before else "none", "extras": set()}


def hand_over(facts: Facts, _today: date) -> Outcomes:
    """R-TRANS-1, R-CAD-C: enquiries promptly, which is by the next day (ours); a promising C goes to sales."""
    waits = facts.get("enquiry_waits_days")
    late = waits is not None and waits >= 2
    if facts["tier"] == "C" and facts.get("promising"):
        return {"step": "hand_to_sales", "late": late}
    return {"step": "none" if waits is None else "answer_enquiry", "late": late}


def visit_record(facts: Facts, _today: date) -> Outcomes:
    """R-LOG-1: date, way, counterpart, feedback, promised action; the reason where the strategy changed."""
    missing = len({"date", "way", "counterpart", "feedback", "promised_action"} - facts["recorded"])
    missing += facts["strategy_changed"] and not facts["reason_recorded"]
    return {"complete": missing == 0, "missing_items": missing}


def visit_success(facts: Facts, _today: date) -> Outcomes:
    """R-KPI-V: at least 80 per cent of the month's visits."""
    required, successful = facts["visits_required"], facts["visits_successful"]
    if successful > required:
        return {"result": "review", "success_percent": Decimal(0)}
    if required == 0:
        return {"result": "not_judged", "success_percent": Decimal(0)}
    share = (Decimal(successful * 100) / required).quantize(Decimal("0.01"), ROUND_FLOOR)
    return {"result": "met" if successful * 5 >= required * 4 else "missed", "success_percent": share}


def data_checks(facts: Facts, today: date) -> Outcomes:
    """R-DATA-1: data and summary every month, contacts every week; R-CMP-1: complaints every month (ours)."""
    weekly = facts["task"] == "contact_roll_up"
    due = facts["done_on"] + timedelta(weeks=1) if weekly else months_after(facts["done_on"], 1)
    return {"period": "week" if weekly else "month", "due_by": due, "overdue": today > due}


SPELLINGS: Mapping[str, Callable[[Facts, date], Outcomes]] = {
    f"followup/{each.__name__}": each
    for each in (
        *(contact_cadence, value_cadence, survey, care, win_back),
        *(hand_over, visit_record, visit_success, data_checks),
    )
}

TODAY = (date(2026, 11, 21), date(2027, 2, 28), date(2028, 2, 28), date(2028, 2, 29))


def around(today: date) -> tuple[date, ...]:
    """The days beside every limit: a week and one, three and twelve months before a day, and a few days after it."""
    ends = (today, today - timedelta(7), *(months_after(today, -months) for months in (1, 3, 12)))
    return tuple(end + timedelta(days) for end in ends for days in (-1, 0, 1, 3, 4))


VALUES: Mapping[str, Callable[[date], Mapping[str, tuple[object, ...]]]] = {
    "followup/contact_cadence": lambda today: {
        "last_contact_on": (*around(today), *(today - timedelta(days) for days in (44, 45, 46)), date(2000, 1, 1))
    },
    "followup/value_cadence": lambda today: {"last_contact_on": (*around(today), date(2000, 1, 1), date(2099, 12, 31))},
    "followup/survey": lambda today: {
        "surveyed_on": (None, *around(today)),
        "satisfaction_percent": ("89.99", "90", "90.01"),
    },
    "followup/care": lambda today: {
        "birthday": (
            *(None, date(1980, 2, 29), date(1980, 2, 28), date(1980, 11, 21), date(1980, 3, 1)),
            *(today + timedelta(days) for days in (-1, 0, 1)),
        ),
        "festival_on": (None, *(today + timedelta(days) for days in (-1, 0, 1))),
        "last_event_on": (None, *around(today)),
    },
    "followup/win_back": lambda _: {name: (*range(6), 10, 11, 99) for name in ("orders_12m", "orders_previous_12m")},
    "followup/hand_over": lambda _: {"enquiry_waits_days": (None, 0, 1, 2, 3, 3650)},
    "followup/visit_success": lambda _: {
        "visits_required": (0, 1, 4, 5, 6, 9, 10, 99, 100, 99_999, 100_000),
        "visits_successful": (0, 1, 3, 4, 5, 7, 8, 9, 79, 80, 81, 79_999, 80_000, 100_000),
    },
    "followup/data_checks": lambda today: {"done_on": around(today)},
}
