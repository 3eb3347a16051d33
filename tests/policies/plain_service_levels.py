"""Service levels once more, in plain Python: written from the regulation's rows and our readings, not from the files.

Imports nothing of the product; as `plain_followup`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta

from tests.policies.plain_followup import Facts, Outcomes, around

HOURS = {"received": 1, "recorded": 4, "passed_on": 8, "answered": 24, "solved": 40}
NEXT = {
    "received": "record",
    "recorded": "pass_on",
    "passed_on": "answer",
    "answered": "solve",
    "solved": "ask_satisfaction",
}


ANSWER = {"S": (30, 60, 120), "A": (60, 120, 240), "B": (120, 240, 480), "C": (240, 360, 480)}
"""Minutes, for a critical, a major and a minor problem."""
SOLVE = {"S": (4, 6, 8), "A": (6, 8, 12), "B": (8, 12, 16), "C": (12, 16, 20)}
"""Hours."""


def response_times(facts: Facts, _today: date) -> Outcomes:
    """R-SVC-1: dedicated for the top, standard for the middle, self-service for the low; the times are ours."""
    tier, severity = facts["tier"], ("critical", "major", "minor").index(facts["severity"])
    return {
        "mode": {"S": "dedicated", "C": "self_service"}.get(tier, "standard"),
        "answer_within": timedelta(minutes=ANSWER[tier][severity]),
        "solve_within": timedelta(hours=SOLVE[tier][severity]),
    }


def service_kind(facts: Facts, today: date) -> Outcomes:
    """R-SVC-2: internal before contract before free before paid (ours)."""
    warranty = facts.get("warranty_until")
    free = facts["promised_free"] or (warranty is not None and warranty >= today)
    kinds = ((facts["for_own_department"], "D"), (facts["covered_by_contract"], "B"), (free, "C"), (True, "A"))
    kind = next(letter for holds, letter in kinds if holds)
    return {"kind": kind, "charged": kind == "A"}


def complaint(facts: Facts, _today: date) -> Outcomes:
    """R-CMP-1: a time for each stage (ours), to the head of the department after it, higher after twice as long."""
    stage, minutes = facts["stage"], facts["working_minutes_open"]
    if stage == "satisfied":
        return {"next_step": "close", "escalate_to": "nobody", "step_within": timedelta()}
    limit = HOURS[stage] * 60
    late = "nobody" if minutes <= limit else "head_of_department" if minutes <= 2 * limit else "general_manager"
    return {"next_step": NEXT[stage], "escalate_to": late, "step_within": timedelta(hours=HOURS[stage])}


def delivery(facts: Facts, today: date) -> Outcomes:
    """R-CMP-2: complete formalities, tracked to the due date; the reminder three days before is ours."""
    due, done = facts["due_on"], facts.get("delivered_on")
    if done is not None and done > today:
        return {"status": "review", "days_late": 0}
    late = max(((done or today) - due).days, 0)
    if done is None:
        ahead = (due - today).days
        return {"status": "overdue" if late else "remind" if ahead <= 3 else "on_the_way", "days_late": late}
    if len(facts["formalities"]) < 3:
        return {"status": "formalities_missing", "days_late": late}
    return {"status": "delivered_late" if late else "delivered", "days_late": late}


SPELLINGS: Mapping[str, Callable[[Facts, date], Outcomes]] = {
    f"service_levels/{each.__name__}": each for each in (response_times, service_kind, complaint, delivery)
}
VALUES: Mapping[str, Callable[[date], Mapping[str, tuple[object, ...]]]] = {
    "service_levels/service_kind": lambda today: {"warranty_until": (None, *around(today))},
    "service_levels/complaint": lambda _: {
        "working_minutes_open": tuple(
            60 * hours * times + step for hours in HOURS.values() for times in (1, 2) for step in (-1, 0, 1)
        )
    },
    "service_levels/delivery": lambda today: {"due_on": around(today), "delivered_on": (None, *around(today))},
}
