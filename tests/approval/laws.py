"""The laws of approval, read out of the rows by other code than the service's."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlmodel import Session, SQLModel, col, select

from policy_service.actor import SIGNING_ROLES
from policy_service.approval.tables import ActionRow, ChangeRow, SuspensionRow, TextRow
from policy_service.audit.tables import AuditEntry
from policy_service.canonical import digest_of
from policy_service.database.declared import table_of
from policy_service.decisions.state_tables import OverrideEndRow, OverrideRow, OverrideSignatureRow
from policy_service.identity.tables import AccountChangeRow
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load_bytes
from policy_service.registry.model import Activation
from policy_service.registry.tables import ActivationRow, CancellationRow, VersionRow
from tests.approval.world import PEOPLE

SIGNING = frozenset(map(str, SIGNING_ROLES))
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
    OverrideRow,
    OverrideSignatureRow,
    OverrideEndRow,
)


@dataclass(frozen=True)
class Emergency:
    """A suspension, as the simple calendar sees it."""

    id: str
    policy: str
    fallback: str | None
    at: datetime
    until: datetime


def nothing_was_altered(before: dict[str, set[str]], session: Session) -> None:
    """Every row that was there is there as it was; remembers those that are there now."""
    for kind in ROWS:
        rows = {repr(tuple(row)) for row in session.connection().execute(table_of(kind).select())}
        assert before.get(kind.__name__, set()) <= rows, kind
        before[kind.__name__] = rows


def calendar(known: Iterable[Activation], emergencies: Iterable[Emergency], policy: str, now: datetime) -> str | None:
    """What is in force by the changes and the emergencies, worked out simply; None while nothing is."""
    ordinary = [each for each in known if each.policy == policy and each.kind not in {"suspension", "stop"}]
    last = max(
        (each for each in ordinary if each.cancelled_at is None and each.effective.covers(now)),
        key=lambda each: (each.effective.start, each.seq),
    )
    running = [
        (each.at, place, each.fallback)
        for place, each in enumerate(emergencies)
        if each.policy == policy and each.at <= now < each.until and last.effective.start <= each.at
    ]
    return max(running)[2] if running else None if last.kind == "ending" else last.version


def was_signed(row: Activation, actions: Sequence[ActionRow]) -> None:
    """The law of one activation, by the rows of its change."""
    [scheduled] = [action for action in actions if action.action == "schedule"]
    submitted = [action for action in actions if action.action == "submit" and action.number < scheduled.number][-1]
    assert submitted.body is not None
    body = json.loads(submitted.body)
    digest = digest_of({"change": row.change, **body})
    assert digest == submitted.digest == scheduled.digest
    put = [*body["versions"], *body.get("ends", ())]
    assert {"policy": row.policy, "version": row.version, "digest": row.digest} in put
    assert not [action for action in actions if action.action == "edit" and action.number > submitted.number]
    wrote = {action.actor for action in actions if action.action in {"create", "edit", "submit"}}
    signed = [
        action
        for action in actions
        if action.action == "sign_off" and action.digest == digest and action.number < scheduled.number
    ]
    must = set().union(*(MUST[version["policy"].partition("/")[0]] for version in put))
    governs = any(each["policy"].startswith("governance/") for each in body["versions"])
    if body["sign_off"]["version"] != "1.0.0" and governs:
        must.add("sales_director")
    assert {action.role for action in signed} == must == set(body["roles"])
    assert len({action.actor for action in signed}) == len(signed), "one whose signature did not count may be followed"
    for action in signed:
        assert action.actor not in wrote
        assert BY_ID[action.actor].kind == "person"


def held_by(session: Session, account: str, role: str) -> bool:
    """Return True if an account is enabled and holds a role that somebody attested, by the rows of its changes."""
    enabled = attested = False
    roles: frozenset[str] = frozenset()
    query = select(AccountChangeRow).where(AccountChangeRow.account == account).order_by(col(AccountChangeRow.seq))
    for row in session.exec(query):
        before = roles
        roles = roles if row.roles is None else frozenset(row.roles.split())
        opened = row.password or (row.enabled is True and not enabled)
        attested = row.attested or (attested and not (opened or roles & SIGNING - before))
        enabled = enabled if row.enabled is None else row.enabled
    return enabled and attested and role in roles


def owing(session: Session, override: str, digest: str) -> set[str]:
    """The roles in which an override has no signature of another person who has the account and the role now."""
    row = session.exec(select(OverrideRow).where(OverrideRow.id == override)).one()
    signed = session.exec(select(OverrideSignatureRow).where(OverrideSignatureRow.override == override)).all()
    assert len({row.actor, *(each.actor for each in signed)}) == len(signed) + 1, "nobody signed twice"
    assert {each.digest for each in signed} == {digest}
    assert all(BY_ID[each.actor].kind == "person" for each in signed)
    results = [(row.actor, row.role), *((each.actor, each.role.partition("/")[0]) for each in signed)]
    held = {role for actor, role in results if held_by(session, actor, role)}
    return (MUST[row.policy.partition("/")[0]] | {row.role}) - held


def applies_alone(session: Session, override: str, now: datetime, ratified: Collection[str]) -> None:
    """The law of an override that applies while others owe a signature, or by one signature for a short time."""
    every = session.exec(select(OverrideRow).order_by(col(OverrideRow.seq))).all()
    [row] = [each for each in every if each.id == override]
    decided = json.loads(row.decided_by or b"null")
    assert decided["overrides"]["policy"] == "governance/overrides", "needs the others first"
    assert now < row.recorded_at + timedelta(days=3)
    for each in every:
        same = (each.policy, each.subject) == (row.policy, row.subject) and each.seq < row.seq
        if same and each.verdict != "needs_signers" and each.id not in ratified:
            ended = session.get(OverrideEndRow, each.id)
            ends = min(
                at for at in (each.until, each.lapses_at, ended.recorded_at if ended else None) if at is not None
            )
            assert ends <= row.recorded_at - timedelta(days=30), "one alone before"


def wrote_nothing(session: Session, change: str, *, signer: str) -> None:
    """The law that a signer neither drafted nor submitted, in any change, what the change decides."""
    submitted = [action for action in _actions(session, change) if action.action == "submit"][-1]
    assert submitted.body is not None
    versions = json.loads(submitted.body)["versions"]
    meanings = {_meaning(session, version["digest"]) for version in versions}
    assert signer not in _writers(session, meanings)


def falls_back_rightly(session: Session, suspension: str, *, known: Iterable[Activation]) -> None:
    """The law of a suspension: to what nobody took out since, and the director did not write; or to nothing."""
    row = session.get_one(SuspensionRow, suspension)
    if row.fallback_digest == row.digest:
        return
    meaning = _meaning(session, row.fallback_digest)
    assert meaning != _meaning(session, row.digest)
    assert row.actor not in _writers(session, {meaning})
    begun = [
        each
        for each in known
        if each.policy == row.policy and each.kind not in {"suspension", "stop"} and each.cancelled_at is None
    ]
    endings = [each.effective.start for each in begun if each.kind == "ending" and each.effective.start <= row.at]
    begun = [each for each in begun if each.kind != "ending"]
    begun = sorted((each for each in begun if each.effective.start <= row.at), key=lambda each: each.effective.start)
    mine = [each.effective.start for each in begun if _meaning(session, each.digest) == meaning]
    since = mine[-1]
    assert not [at for at in endings if at >= since], "ended since"
    others = session.exec(select(SuspensionRow).where(SuspensionRow.policy == row.policy)).all()
    assert not [each for each in others if each.at >= since and _meaning(session, each.digest) == meaning]
    for back in begun:
        if back.kind == "rollback" and back.effective.start > since:
            target = _meaning(session, back.digest)
            earlier = [each for each in begun if each.effective.start < back.effective.start]
            targets = [each.effective.start for each in earlier if _meaning(session, each.digest) == target]
            assert targets, "a rollback goes back to what was in force"
            assert since <= max(targets), "rolled back since"


def _actions(session: Session, change: str) -> Sequence[ActionRow]:
    query = select(ActionRow).where(ActionRow.change == change).order_by(col(ActionRow.number))
    return session.exec(query).all()


def _meaning(session: Session, digest: str) -> str:
    row = session.get(TextRow, digest) or session.get_one(VersionRow, digest)
    return _meaning_of(row.content) or digest


@cache
def _meaning_of(content: bytes) -> str:
    try:
        return load_bytes(content).meaning
    except PolicyError:
        return ""


def _writers(session: Session, meanings: set[str]) -> set[str]:
    """Everybody who put a text of one of these meanings into a draft, or submitted a change that ever held one."""
    results: set[str] = set()
    changes: dict[str, list[ActionRow]] = {}
    for action in session.exec(select(ActionRow).order_by(col(ActionRow.change), col(ActionRow.number))):
        changes.setdefault(action.change, []).append(action)
    for actions in changes.values():
        drafted = [action for action in actions if action.action in {"create", "edit"} and action.body]
        wrote = {
            action.actor
            for action in drafted
            if any(_meaning(session, text) in meanings for text in json.loads(action.body or b"")["texts"])
        }
        if wrote:
            results |= wrote | {action.actor for action in actions if action.action == "submit"}
    return results
