"""Converts between rows and values: folds the actions of a change, and appends actions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import sqlalchemy
from sqlalchemy import Row, inspect
from sqlmodel import Session, SQLModel, col, select

from policy_service.actor import Actor, Role
from policy_service.approval.change import (
    Action,
    ActionRecord,
    Change,
    ChangeKind,
    Comment,
    Draft,
    Evidence,
    Meaning,
    Person,
    Submission,
    Version,
    period_from_dict,
)
from policy_service.approval.effect import Effect
from policy_service.approval.errors import UnknownChange
from policy_service.approval.signature_validity import with_signature_validity
from policy_service.approval.tables import ActionRow, ChangeRow, ChangeTitleRow, CommentRow, ReportRow, TextRow
from policy_service.approval.validation import search_form
from policy_service.approval.workflow import apply_action, fold_actions, next_action
from policy_service.canonical import check_digest, digest, to_canonical_json
from policy_service.database import Transaction
from policy_service.integrity import reading_row
from policy_service.messages import Message

_ACTIONS = sqlalchemy.select(inspect(ActionRow).local_table)
"""Actions as columns, not objects: lists read hundreds."""
_KINDS: Mapping[str, ChangeKind] = {each: each for each in get_args(ChangeKind)}


def read_change(session: Session, change: str) -> Change:
    """Return one change. Raises UnknownChange."""
    row = session.get(ChangeRow, change)
    if row is None:
        raise UnknownChange(Message("There is no change {change}.", change=repr(change[:40])))
    return fold_rows(session, [row])[0]


def fold_rows(session: Session, rows: Sequence[ChangeRow]) -> list[Change]:
    """Return the changes of some rows, in order, with signature validity."""
    query = _ACTIONS.where(col(ActionRow.change).in_([row.id for row in rows]))
    actions: dict[str, list[ActionRecord]] = defaultdict(list)
    for action in session.connection().execute(query.order_by(col(ActionRow.change), col(ActionRow.number))):
        actions[action.change].append(_load_action(action))
    return with_signature_validity(session, [_fold_row(row, actions[row.id]) for row in rows])


def _fold_row(row: ChangeRow, actions: Sequence[ActionRecord]) -> Change:
    with reading_row("change", row.id):  # a change whose actions do not fit is damaged
        return fold_actions(row.id, _KINDS.get(row.kind, "change"), actions)


def read_changes(session: Session, change_ids: Iterable[str]) -> list[Change]:
    """Return the changes with these identifiers, oldest first."""
    query = select(ChangeRow).where(col(ChangeRow.id).in_(sorted(set(change_ids)))).order_by(col(ChangeRow.id))
    return fold_rows(session, session.exec(query).all())


def record_action(transaction: Transaction, change: Change, action: Action, actor: Actor, **fields: object) -> Change:
    """Append an action of an actor to an existing change; return the changed value."""
    record = next_action(change, action, actor, transaction.now, **fields)
    updated_change = apply_action(change, record)
    add_action(transaction, change.id, record)
    return with_signature_validity(transaction.session, [updated_change])[0]


def add_action(transaction: Transaction, change: str, action: ActionRecord) -> None:
    """Add the rows of an action."""
    transaction.session.add_all(action_rows(change, action))
    transaction.session.flush()


def action_rows(change: str, record: ActionRecord) -> list[SQLModel]:
    """Return the rows of an action: itself, and for a draft the searchable title."""
    content = record.draft or record.submission
    action = ActionRow(
        change=change,
        number=record.number,
        action=record.action,
        actor=record.by.id,
        actor_name=record.by.name,
        printed_name=record.by.printed_name,
        at=record.at,
        reason=record.reason,
        digest=record.digest,
        role=record.role,
        meaning=record.meaning,
        body=to_canonical_json(content.to_dict()) if content else None,
    )
    if record.draft is None:
        return [action]
    return [action, ChangeTitleRow(change=change, number=record.number, search_text=search_form(record.draft.title))]


def read_comments(session: Session, change: str) -> list[Comment]:
    """Read the comments on a change, oldest first."""
    query = select(CommentRow).where(CommentRow.change == change)
    return [
        Comment(row.id, Person(row.actor, row.actor_name, row.printed_name), row.at, row.text)
        for row in session.exec(query.order_by(col(CommentRow.at), col(CommentRow.id)))
    ]


def read_text(session: Session, name: str) -> bytes:
    """Return a drafted policy file by digest. Raises UnknownChange, DamagedRecord."""
    row = session.get(TextRow, name)
    if row is None:
        raise UnknownChange(Message("No draft holds a text with the digest {digest}.", digest=repr(name[:80])))
    with reading_row("change_text", name):
        if digest(row.content) != name:
            raise ValueError(name)
    return row.content


def store_text(transaction: Transaction, content: bytes) -> str:
    """Store a drafted policy file; return its digest."""
    name = digest(content)
    if transaction.session.get(TextRow, name) is None:
        transaction.session.add(TextRow(digest=name, content=content))
        transaction.session.flush()
    return name


def read_report(session: Session, change: Change) -> dict[str, Any]:
    """Return the analysis report submitted with a change. Raises UnknownChange, DamagedRecord."""
    content = _read_content(session, change.submission.report) if change.submission else None
    if content is None:
        raise UnknownChange(Message("The change has no report: it is a draft."))
    report: dict[str, Any] = json.loads(content)
    return report


def read_effect(session: Session, change: Change) -> Effect | None:
    """Return the effect submitted with a change, without the list of movers; None if it has none."""
    name = change.submission.simulation if change.submission else None
    content = _read_content(session, name) if name is not None else None
    return None if content is None else Effect(json.loads(content))


def read_movers(session: Session, effect: Effect) -> bytes:
    """Return the list of the subjects that an effect moves, as CSV in UTF-8. Raises DamagedRecord."""
    return _read_content(session, effect.document["movers"]) or b""


def _read_content(session: Session, name: str) -> bytes | None:
    row = session.get(ReportRow, name)
    if row is None:
        return None
    with reading_row("change_report", row.digest):
        if digest(row.content) != row.digest:
            raise ValueError(row.digest)
    return row.content


def store_report(transaction: Transaction, content: bytes) -> str:
    """Store a report, an effect, or its list of movers; return its digest."""
    name = digest(content)
    if transaction.session.get(ReportRow, name) is None:
        transaction.session.add(ReportRow(digest=name, content=content))
        transaction.session.flush()
    return name


def _load_action(row: Row[Any]) -> ActionRecord:
    with reading_row("change_action", row.change, row.number):
        return _read_action(row)


def _read_action(row: Row[Any]) -> ActionRecord:
    action = Action(row.action)
    if not isinstance(row.number, int) or (action is Action.SIGN_OFF and None in {row.role, row.meaning, row.digest}):
        raise ValueError(row.number)
    body: Any = json.loads(row.body) if row.body is not None else None
    return ActionRecord(
        number=row.number,
        action=action,
        by=Person(row.actor, row.actor_name, row.printed_name),
        at=row.at,
        reason=row.reason,
        digest=check_digest(row.digest) if row.digest is not None else None,
        role=Role(row.role) if row.role is not None else None,
        meaning=Meaning(row.meaning) if row.meaning is not None else None,
        draft=_draft(body) if action in {Action.CREATE, Action.EDIT} else None,
        submission=_submission(body) if action is Action.SUBMIT else None,
    )


def _draft(body: Mapping[str, Any]) -> Draft:
    return Draft(
        body["title"],
        body["reason"],
        period_from_dict(body["effective"]),
        tuple(body["texts"]),
        tuple(Version(**version) for version in body["versions"]),
        tuple(body.get("ends", ())),
        body.get("afterwards", "before"),
        _evidence(body),
        body.get("simulated_over"),
    )


def _submission(body: Mapping[str, Any]) -> Submission:
    return Submission(
        number=body["number"],
        kind=body["kind"],
        title=body["title"],
        reason=body["reason"],
        versions=tuple(Version(**version) for version in body["versions"]),
        effective=period_from_dict(body["effective"]),
        report=body["report"],
        simulation=body["simulation"],
        population=body["population"],
        roles=tuple(Role(role) for role in body["roles"]),
        sign_off=Version(**body["sign_off"]),
        bases=tuple(Version(**version) for version in body["bases"]),
        barred=frozenset(body["barred"]),
        ends=tuple(Version(**version) for version in body.get("ends", ())),
        afterwards=body.get("afterwards", "before"),
        evidence=_evidence(body),
    )


def _evidence(body: Mapping[str, Any]) -> Evidence | None:
    return Evidence(**body["evidence"]) if "evidence" in body else None
