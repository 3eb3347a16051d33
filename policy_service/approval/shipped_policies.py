"""Shipped policies after an upgrade: drafts one change with the new versions, for people to sign.

On a database without accounts the shipped policies are imported (`registry.initial_import`). Once there are accounts,
only signed changes come into force: the command line drafts the versions shipped with an upgrade, and an author reads,
edits and submits them. Each text is drafted once, so that a rejected or withdrawn one is not offered again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlmodel import col, select

from policy_service.actor import Actor
from policy_service.approval.change import Change, Draft
from policy_service.approval.drafts import MAX_VERSIONS, begin_change
from policy_service.approval.tables import DraftFileRow
from policy_service.database import Transaction
from policy_service.language.load import load_folder, newest, version_key
from policy_service.language.policy import Policy
from policy_service.registry.model import Period
from policy_service.registry.service import versions

NOTICE = timedelta(days=7)
"""Time from the draft to its day; an author may change it."""
TITLE = "随软件提供的规则 / Policies that come with the software"
REASON = (
    "软件提供了新的规则或新版本，签署之前均不生效；不需要的请从草稿中删去。"
    " / The software comes with new or newer policies. None is in force before it is signed; "
    "leave out of the draft what you do not need."
)


@dataclass(frozen=True, slots=True)
class ShippedDraft:
    """The draft after an upgrade, with its policies; no draft if nothing is new."""

    change: Change | None
    policies: tuple[Policy, ...]


def propose_shipped(transaction: Transaction, actor: Actor, folder: Path) -> ShippedDraft:
    """Draft one change with the newest shipped versions that exceed every version on record of their policy.

    Raises PolicyError if a file is invalid, OSError if one cannot be read.
    """
    session = transaction.session
    highest: dict[str, tuple[int, ...]] = {}
    for row in versions(session):
        highest[row.policy] = max(version_key(row.version), highest.get(row.policy, ()))
    candidates = tuple(_newer_policies(newest(load_folder(folder)), highest))
    digests = [policy.digest for policy in candidates]
    drafted_digests = set(
        session.exec(
            select(DraftFileRow.digest).where(col(DraftFileRow.digest).in_(digests), DraftFileRow.actor == actor.id)
        )
    )
    new_policies = tuple(policy for policy in candidates if policy.digest not in drafted_digests)[:MAX_VERSIONS]
    if not new_policies:
        return ShippedDraft(None, ())
    start = (transaction.now + NOTICE).replace(minute=0, second=0, microsecond=0)
    draft = Draft(TITLE, REASON, Period(start), tuple(policy.digest for policy in new_policies))
    return ShippedDraft(
        begin_change(transaction, actor, "change", draft, [policy.content for policy in new_policies]), new_policies
    )


def _newer_policies(shipped: Iterable[Policy], highest: Mapping[str, tuple[int, ...]]) -> Iterable[Policy]:
    return (policy for policy in shipped if version_key(policy.version) > highest.get(policy.id, ()))
