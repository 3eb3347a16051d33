"""The laws of approval, read out of the rows by other code than the service's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, SQLModel

from policy_service.approval.tables import ActionRow, ChangeRow, SuspensionRow
from policy_service.audit.tables import AuditEntry
from policy_service.canonical import digest_of
from policy_service.registry.model import Activation
from policy_service.registry.tables import ActivationRow, CancellationRow, VersionRow
from tests.approval.world import PEOPLE, SIGN_OFF

BY_ID = {actor.id: actor for actor in PEOPLE}
MUST = {
    "tiering": {"sales_director", "compliance"},
    "rewards": {"general_manager", "finance_director", "compliance"},
    "governance": {"general_manager", "compliance"},
}
"""Who must sign, by the shipped policy."""
ROWS: tuple[type[SQLModel], ...] = (
    ChangeRow,
    ActionRow,
    SuspensionRow,
    ActivationRow,
    CancellationRow,
    VersionRow,
    AuditEntry,
)


@dataclass(frozen=True)
class Emergency:
    """A suspension, as the simple calendar sees it."""

    id: str
    policy: str
    fallback: str
    at: datetime
    until: datetime


def nothing_was_altered(before: dict[str, set[str]], session: Session) -> None:
    """Every row that was there is there as it was; remembers those that are there now."""
    for kind in ROWS:
        rows = {repr(tuple(row)) for row in session.connection().execute(kind.__table__.select())}  # type: ignore[attr-defined]  # SQLModel's
        assert before.get(kind.__name__, set()) <= rows, kind
        before[kind.__name__] = rows


def calendar(known: Iterable[Activation], emergencies: Iterable[Emergency], policy: str, now: datetime) -> str:
    """What is in force by the changes and the emergencies, worked out simply."""
    ordinary = [each for each in known if each.policy == policy and each.kind != "suspension"]
    last = max(
        (each for each in ordinary if each.cancelled_at is None and each.effective.covers(now)),
        key=lambda each: (each.effective.start, each.seq),
    )
    running = [
        each
        for each in emergencies
        if each.policy == policy and each.at <= now < each.until and last.effective.start <= each.at
    ]
    return max(running, key=lambda each: each.at).fallback if running else last.version


def was_signed(row: Activation, actions: Sequence[ActionRow]) -> None:
    """The law of one activation, by the rows of its change."""
    [scheduled] = [action for action in actions if action.action == "schedule"]
    submitted = [action for action in actions if action.action == "submit" and action.number < scheduled.number][-1]
    assert submitted.body is not None
    body = json.loads(submitted.body)
    digest = digest_of({"change": row.change, **body})
    assert digest == submitted.digest == scheduled.digest
    assert {"policy": row.policy, "version": row.version, "digest": row.digest} in body["versions"]
    assert not [action for action in actions if action.action == "edit" and action.number > submitted.number]
    wrote = {action.actor for action in actions if action.action in {"create", "edit", "submit"}}
    signed = [
        action
        for action in actions
        if action.action == "sign_off" and action.digest == digest and action.number < scheduled.number
    ]
    must = set().union(*(MUST[version["policy"].partition("/")[0]] for version in body["versions"]))
    if body["sign_off"]["version"] != "1.0.0" and any(each["policy"] == SIGN_OFF for each in body["versions"]):
        must.add("sales_director")
    assert {action.role for action in signed} == must == set(body["roles"])
    assert len({action.actor for action in signed}) == len(signed) == len(must)
    for action in signed:
        actor = BY_ID[action.actor]
        assert actor.id not in wrote
        assert actor.kind == "person"
        assert action.role in actor.roles
