"""Drafts: created, edited, commented on, and withdrawn. Every edit adds a row; nothing is overwritten."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from policy_service.actor import Actor
from policy_service.approval.change import (
    Action,
    ActionRecord,
    Afterwards,
    Change,
    ChangeKind,
    Comment,
    Draft,
    Person,
    Version,
)
from policy_service.approval.draft_check import CHANGE_MODIFIED
from policy_service.approval.errors import StaleChange, ValidationFailed
from policy_service.approval.evidence import describe_evidence, evidence_problems, store_evidence
from policy_service.approval.first_versions import first_version_problems, unsigned_first_versions
from policy_service.approval.policies import MAX_INLINE_BYTES, record_meanings
from policy_service.approval.store import add_action, read_change, record_action, store_text
from policy_service.approval.tables import ChangeRow, CommentRow, DraftFileRow
from policy_service.approval.validation import MAX_REASON, MAX_TITLE, period_errors, validate_reason, validate_texts
from policy_service.approval.workflow import (
    new_change,
    require_author,
    require_permission,
)
from policy_service.audit.events import ChangeCommented, ChangeDrafted, ChangeEdited, ChangeWithdrawn
from policy_service.audit.log import append
from policy_service.audit.row_verification import require_logged
from policy_service.canonical import digest, digest_of
from policy_service.database import Transaction
from policy_service.language.diagnostics import shorten
from policy_service.language.load import POLICY_ID
from policy_service.language.source import MAX_BYTES
from policy_service.messages import Message
from policy_service.registry.model import Period
from policy_service.registry.policy_cache import cached_head
from policy_service.registry.service import UnknownVersion, activations, read_version

MAX_VERSIONS = 100
"""Maximum number of versions in one change."""
POPULATION_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
VersionName = tuple[str, str]
"""A policy and one of its version numbers."""


def create(  # noqa: PLR0913  # what a draft says
    transaction: Transaction,
    actor: Actor,
    *,
    title: str,
    reason: str,
    effective: Period,
    texts: Sequence[bytes] = (),
    ends: Sequence[str] = (),
    afterwards: Afterwards = "before",
    simulated_over: str | None = None,
) -> Change:
    """Create a change with these policy files, valid or not yet, that ends the policies `ends`."""
    require_author(actor, Action.CREATE)
    draft = _validate_draft(
        title, reason, effective, texts, ends=ends, afterwards=afterwards, simulated_over=simulated_over
    )
    return begin_change(transaction, actor, "change", draft, texts)


def rollback(  # noqa: PLR0913  # what a draft says
    transaction: Transaction,
    actor: Actor,
    *,
    title: str,
    reason: str,
    effective: Period,
    versions: Sequence[VersionName],
    afterwards: Afterwards = "before",
    simulated_over: str | None = None,
) -> Change:
    """Create a change that puts earlier versions in force again."""
    require_author(actor, Action.CREATE)
    versions_before = _previously_active(transaction, versions)
    draft = _validate_draft(
        title, reason, effective, (), versions_before, afterwards=afterwards, simulated_over=simulated_over
    )
    return begin_change(transaction, actor, "rollback", draft, ())


def create_first_versions(  # noqa: PLR0913  # what a draft says
    transaction: Transaction,
    actor: Actor,
    *,
    title: str,
    reason: str,
    start: datetime,
    file_name: str,
    content: bytes,
) -> Change:
    """Create the change by which the versions imported at set-up are signed once, with an evidence file."""
    require_author(actor, Action.CREATE)
    return begin_first_versions(
        transaction, actor, title=title, reason=reason, start=start, file_name=file_name, content=content
    )


def begin_first_versions(  # noqa: PLR0913  # what a draft says
    transaction: Transaction,
    actor: Actor,
    *,
    title: str,
    reason: str,
    start: datetime,
    file_name: str,
    content: bytes,
) -> Change:
    """Create a change of first versions; the caller has checked the permission. Raises ValidationFailed."""
    all_activations, now = activations(transaction.session), transaction.now
    unsigned = unsigned_first_versions(all_activations, now).values()
    versions = tuple(Version(each.policy, each.version, each.digest) for each in unsigned)
    problems: list[str] = [] if versions else [Message("Every version that was imported at set-up is signed already.")]
    problems += first_version_problems(all_activations, versions, start, now)
    evidence = describe_evidence(file_name, content)
    problems += evidence_problems(file_name, content)
    draft = replace(_validate_draft(title, reason, Period(start), (), versions, problems=problems), evidence=evidence)
    change = begin_change(transaction, actor, "first_versions", draft, ())
    store_evidence(transaction, actor, change.id, evidence, content)
    return change


def edit(  # noqa: PLR0913  # what a draft says
    transaction: Transaction,
    actor: Actor,
    change: str,
    *,
    title: str,
    reason: str,
    effective: Period,
    texts: Sequence[bytes] = (),
    versions: Sequence[VersionName] = (),
    ends: Sequence[str] = (),
    afterwards: Afterwards = "before",
    simulated_over: str | None = None,
    expected: str,
) -> Change:
    """Replace a draft: `texts` and `ends` of a change, `versions` of a rollback."""
    draft = read_if_match(transaction.session, change, expected)
    require_permission(draft, Action.EDIT, actor, transaction.now)
    if ((texts or ends) and draft.kind != "change") or (versions and draft.kind == "change"):
        problem = Message(
            "A change holds the texts of new versions, a rollback names versions; this one would do both."
        )
        raise ValidationFailed([problem])
    new_draft = _validate_draft(
        title,
        reason,
        effective,
        texts,
        _previously_active(transaction, versions),
        ends=ends,
        afterwards=afterwards,
        simulated_over=simulated_over,
    )
    _store_texts(transaction, texts)
    updated_change = record_action(transaction, draft, Action.EDIT, actor, draft=new_draft)
    _record_text_authors(transaction, updated_change)
    append(transaction, actor, ChangeEdited(change, updated_change.revision, digest_of(new_draft.to_dict())))
    return updated_change


def comment(transaction: Transaction, actor: Actor, change: str, text: str) -> Comment:
    """Add a comment to a change.

    Raises UnknownChange, InvalidState, PermissionDenied, ValidationFailed.
    """
    require_permission(read_change(transaction.session, change), Action.COMMENT, actor, transaction.now)
    comment_text = validate_reason(text, "comment")
    row = CommentRow(
        id=transaction.new_id(),
        change=change,
        actor=actor.id,
        actor_name=actor.name,
        printed_name=actor.printed_name,
        at=transaction.now,
        text=comment_text,
    )
    transaction.session.add(row)
    transaction.session.flush()
    append(transaction, actor, ChangeCommented(change, comment_text))
    return Comment(row.id, Person.of(actor), row.at, comment_text)


def withdraw(transaction: Transaction, actor: Actor, change: str, *, reason: str, expected: str) -> Change:
    """Withdraw a change for good."""
    draft = read_if_match(transaction.session, change, expected)
    require_permission(draft, Action.WITHDRAW, actor, transaction.now)
    reason_text = validate_reason(reason)
    updated_change = record_action(transaction, draft, Action.WITHDRAW, actor, reason=reason_text)
    append(transaction, actor, ChangeWithdrawn(change, reason_text))
    return updated_change


def read_if_match(session: Session, change: str, expected: str) -> Change:
    """Return the change if it is unchanged since the caller read it.

    Raises UnknownChange, StaleChange, TamperedRecord.
    """
    require_logged(session, "change", change)
    current = read_change(session, change)
    if current.etag != expected:
        raise StaleChange(CHANGE_MODIFIED)
    return current


def begin_change(
    transaction: Transaction, actor: Actor, kind: ChangeKind, draft: Draft, texts: Sequence[bytes]
) -> Change:
    """Create a change from a draft; the caller has checked the permission."""
    session, now = transaction.session, transaction.now
    change = transaction.new_id()
    session.add(ChangeRow(id=change, kind=kind, author=actor.id, created_at=now))
    session.flush()
    _store_texts(transaction, texts)
    first = ActionRecord(1, Action.CREATE, Person.of(actor), now, draft=draft)
    add_action(transaction, change, first)
    draft_change = new_change(change, kind, first)
    _record_text_authors(transaction, draft_change)
    append(transaction, actor, ChangeDrafted(change, draft.title))
    return draft_change


def _validate_draft(  # noqa: PLR0913  # what a draft says
    title: str,
    reason: str,
    effective: Period,
    texts: Sequence[bytes],
    versions: tuple[Version, ...] = (),
    *,
    ends: Sequence[str] = (),
    afterwards: Afterwards = "before",
    simulated_over: str | None = None,
    problems: Sequence[str] = (),
) -> Draft:
    """Validate the author's request. Raises ValidationFailed with all its errors, and `problems`."""
    problems = [*problems, *period_errors(effective)]
    problems += [
        Message("`{name}` is not the name of a policy.", name=shorten(name))
        for name in ends
        if not re.fullmatch(POLICY_ID, name)
    ]
    if simulated_over is not None and not POPULATION_NAME.fullmatch(simulated_over):
        problems.append(Message("`{name}` is not the name of a population.", name=shorten(simulated_over)))
    if afterwards == "nothing" and effective.until is None:
        problems.append(Message("A change without an end has nothing after it: give the day on which it ends."))
    if len(texts) > MAX_VERSIONS or len(versions) > MAX_VERSIONS or len(ends) > MAX_VERSIONS:
        problems.append(Message("A change holds at most {limit} versions.", limit=MAX_VERSIONS))
    if any(len(text) > MAX_BYTES for text in texts):
        problems.append(Message("A policy file has at most {limit:,} bytes.", limit=MAX_BYTES))
    checked_texts = validate_texts({"title": (title, MAX_TITLE), "reason": (reason, MAX_REASON)}, tuple(problems))
    digests = tuple(dict.fromkeys(digest(text) for text in texts))
    return Draft(
        checked_texts["title"],
        checked_texts["reason"],
        effective,
        digests,
        versions,
        tuple(dict.fromkeys(ends)),
        afterwards,
        simulated_over=simulated_over,
    )


def _previously_active(transaction: Transaction, versions: Sequence[VersionName]) -> tuple[Version, ...]:
    """Return versions that were in force before now. Raises ValidationFailed with all that were not."""
    session, now = transaction.session, transaction.now
    effective_digests = {
        each.digest
        for each in activations(session)
        if each.is_known_at(now) and each.effective.start <= now and not each.is_ending
    }
    active_versions: list[Version] = []
    problems: list[str] = []
    for policy, number in versions:
        try:
            row = read_version(session, policy, number)
        except UnknownVersion:
            problem = Message("There is no version {version} of {policy}.", version=number[:40], policy=policy[:140])
            problems.append(problem)
            continue
        if row.digest not in effective_digests:
            problems.append(
                Message(
                    "{policy} {version} was never in force, so there is no going back to it: submit it as a change.",
                    policy=policy,
                    version=number,
                )
            )
        active_versions.append(Version(row.policy, row.version, row.digest))
    if problems:
        raise ValidationFailed(problems)
    return tuple(active_versions)


def _store_texts(transaction: Transaction, texts: Sequence[bytes]) -> None:
    sizes = {store_text(transaction, text): len(text) for text in texts}
    record_meanings(
        transaction, only=[name for name, size in sizes.items() if size <= MAX_INLINE_BYTES or cached_head(name)]
    )


def _record_text_authors(transaction: Transaction, change: Change) -> None:
    """Record the author of each text, who may not sign it in another change either."""
    last_action = change.actions[-1]
    transaction.session.add_all(
        DraftFileRow(digest=text, change=change.id, number=last_action.number, actor=last_action.by.id)
        for text in change.draft.texts
    )
    transaction.session.flush()
