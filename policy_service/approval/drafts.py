"""Drafts: created, edited, commented on, and withdrawn. Every edit is a row of its own; nothing is overwritten."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlmodel import Session

from policy_service.actor import Actor
from policy_service.approval.change import Acted, Action, Afterwards, Change, Draft, Kind, Person, Version
from policy_service.approval.checking import STALE
from policy_service.approval.policies import SMALL, note_meanings
from policy_service.approval.refusals import Stale, Unfit
from policy_service.approval.store import add_action, keep_text, read_change, record
from policy_service.approval.tables import ChangeRow, CommentRow, DraftedRow
from policy_service.approval.words import MAX_REASON, MAX_TITLE, period_faults, reason_of, texts_of
from policy_service.approval.workflow import AUTHORS, DEEDS, acted_by, begin, demand, demand_part
from policy_service.audit.events import ChangeCommented, ChangeDrafted, ChangeEdited, ChangeWithdrawn
from policy_service.audit.log import append
from policy_service.audit.telling import demand_told
from policy_service.canonical import digest, digest_of
from policy_service.database import Transaction
from policy_service.language.diagnostics import shorten
from policy_service.language.load import POLICY_ID
from policy_service.language.source import MAX_BYTES
from policy_service.registry.loaded import known_head
from policy_service.registry.model import Period
from policy_service.registry.service import UnknownVersion, activations, read_version
from policy_service.sentences import Sentence

MAX_VERSIONS = 100
"""Versions of one change."""
Named = tuple[str, str]
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
) -> Change:
    """Begins a change with these policy files, valid or not yet, that ends the policies `ends`.

    Raises Forbidden, Unfit.
    """
    demand_part(actor, AUTHORS, DEEDS[Action.CREATE])
    asked = _asked(title, reason, effective, texts, ends=ends, afterwards=afterwards)
    return begin_change(transaction, actor, "change", asked, texts)


def rollback(  # noqa: PLR0913  # what a draft says
    transaction: Transaction,
    actor: Actor,
    *,
    title: str,
    reason: str,
    effective: Period,
    versions: Sequence[Named],
    afterwards: Afterwards = "before",
) -> Change:
    """Begins a change that puts versions in force again which were so before. Raises Forbidden, Unfit."""
    demand_part(actor, AUTHORS, DEEDS[Action.CREATE])
    asked = _asked(title, reason, effective, (), _before(transaction, versions), afterwards=afterwards)
    return begin_change(transaction, actor, "rollback", asked, ())


def edit(  # noqa: PLR0913  # what a draft says
    transaction: Transaction,
    actor: Actor,
    change: str,
    *,
    title: str,
    reason: str,
    effective: Period,
    texts: Sequence[bytes] = (),
    versions: Sequence[Named] = (),
    ends: Sequence[str] = (),
    afterwards: Afterwards = "before",
    expected: str,
) -> Change:
    """Writes a draft anew: `texts` and `ends` of a change, `versions` of a rollback.

    Raises UnknownChange, OutOfState, Forbidden, Stale, Unfit.
    """
    draft = seen(transaction.session, change, expected)
    demand(draft, Action.EDIT, actor, transaction.now)
    if ((texts or ends) and draft.kind == "rollback") or (versions and draft.kind == "change"):
        wrong = Sentence("A change holds the texts of new versions, a rollback names versions; this one would do both.")
        raise Unfit([wrong])
    asked = _asked(title, reason, effective, texts, _before(transaction, versions), ends=ends, afterwards=afterwards)
    _keep(transaction, texts)
    moved = record(transaction, draft, acted_by(draft, Action.EDIT, actor, transaction.now, draft=asked))
    _drafted(transaction, moved)
    append(transaction, actor, ChangeEdited(change, moved.revision, digest_of(asked.to_dict())))
    return moved


def comment(transaction: Transaction, actor: Actor, change: str, text: str) -> str:
    """Says something about a change; gives the comment's identifier.

    Raises UnknownChange, OutOfState, Forbidden, Unfit.
    """
    demand(read_change(transaction.session, change), Action.COMMENT, actor, transaction.now)
    said = reason_of(text, "comment")
    row = CommentRow(
        id=transaction.new_id(),
        change=change,
        actor=actor.id,
        actor_name=actor.name,
        printed_name=actor.printed_name,
        at=transaction.now,
        text=said,
    )
    transaction.session.add(row)
    transaction.session.flush()
    append(transaction, actor, ChangeCommented(change, said))
    return row.id


def withdraw(transaction: Transaction, actor: Actor, change: str, *, reason: str, expected: str) -> Change:
    """Takes a change back for good. Raises UnknownChange, OutOfState, Forbidden, Stale, Unfit."""
    draft = seen(transaction.session, change, expected)
    demand(draft, Action.WITHDRAW, actor, transaction.now)
    said = reason_of(reason)
    moved = record(transaction, draft, acted_by(draft, Action.WITHDRAW, actor, transaction.now, reason=said))
    append(transaction, actor, ChangeWithdrawn(change, said))
    return moved


def seen(session: Session, change: str, expected: str) -> Change:
    """The change, when it is still as the caller saw it. Raises UnknownChange, Stale, NotTold."""
    demand_told(session, "change", change)
    found = read_change(session, change)
    if found.etag != expected:
        raise Stale(STALE)
    return found


def begin_change(transaction: Transaction, actor: Actor, kind: Kind, asked: Draft, texts: Sequence[bytes]) -> Change:
    """Begins a change of what is asked for; the caller has seen to it that the actor may."""
    session, now = transaction.session, transaction.now
    change = transaction.new_id()
    session.add(ChangeRow(id=change, kind=kind, author=actor.id, created_at=now))
    session.flush()
    _keep(transaction, texts)
    first = Acted(1, Action.CREATE, Person.of(actor), now, draft=asked)
    add_action(transaction, change, first)
    begun = begin(change, kind, first)
    _drafted(transaction, begun)
    append(transaction, actor, ChangeDrafted(change, asked.title))
    return begun


def _asked(  # noqa: PLR0913  # what a draft says
    title: str,
    reason: str,
    effective: Period,
    texts: Sequence[bytes],
    versions: tuple[Version, ...] = (),
    *,
    ends: Sequence[str] = (),
    afterwards: Afterwards = "before",
) -> Draft:
    """What the author asks for. Raises Unfit with everything that is wrong with it."""
    wrong = list(period_faults(effective))
    wrong += [
        Sentence("`{name}` is not the name of a policy.", name=shorten(name))
        for name in ends
        if not re.fullmatch(POLICY_ID, name)
    ]
    if afterwards == "nothing" and effective.until is None:
        wrong.append(Sentence("A change without an end has nothing after it: give the day on which it ends."))
    if len(texts) > MAX_VERSIONS or len(versions) > MAX_VERSIONS or len(ends) > MAX_VERSIONS:
        wrong.append(Sentence("A change holds at most {limit} versions.", limit=MAX_VERSIONS))
    if any(len(text) > MAX_BYTES for text in texts):
        wrong.append(Sentence("A policy file has at most {limit:,} bytes.", limit=MAX_BYTES))
    said = texts_of({"title": (title, MAX_TITLE), "reason": (reason, MAX_REASON)}, tuple(wrong))
    named = tuple(dict.fromkeys(digest(text) for text in texts))
    return Draft(said["title"], said["reason"], effective, named, versions, tuple(dict.fromkeys(ends)), afterwards)


def _before(transaction: Transaction, versions: Sequence[Named]) -> tuple[Version, ...]:
    """Versions that were in force before now. Raises Unfit with all that were not."""
    session, now = transaction.session, transaction.now
    begun = {
        each.digest
        for each in activations(session)
        if each.known(now) and each.effective.start <= now and not each.is_nothing
    }
    found: list[Version] = []
    wrong: list[str] = []
    for policy, number in versions:
        try:
            row = read_version(session, policy, number)
        except UnknownVersion:
            unknown = Sentence("There is no version {version} of {policy}.", version=number[:40], policy=policy[:140])
            wrong.append(unknown)
            continue
        if row.digest not in begun:
            wrong.append(
                Sentence(
                    "{policy} {version} was never in force, so there is no going back to it: submit it as a change.",
                    policy=policy,
                    version=number,
                )
            )
        found.append(Version(row.policy, row.version, row.digest))
    if wrong:
        raise Unfit(wrong)
    return tuple(found)


def _keep(transaction: Transaction, texts: Sequence[bytes]) -> None:
    kept = {keep_text(transaction, text): len(text) for text in texts}
    note_meanings(transaction, only=[name for name, size in kept.items() if size <= SMALL or known_head(name)])


def _drafted(transaction: Transaction, change: Change) -> None:
    """Remembers who drafted which text: whoever did may not sign it in another change."""
    last = change.acted[-1]
    transaction.session.add_all(
        DraftedRow(digest=text, change=change.id, number=last.number, actor=last.by.id) for text in change.draft.texts
    )
    transaction.session.flush()
