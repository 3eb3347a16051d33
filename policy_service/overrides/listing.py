"""Overrides for a list: the outcome each sets, the rules' last answer, and missing signatures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from policy_service.actor import Role
from policy_service.decisions.override import Override, OverrideState
from policy_service.decisions.words.answers import FieldText, outcome_texts
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.messages import Message
from policy_service.overrides.last_decision import LastDecision, read_last_decision, read_policy_version
from policy_service.registry.catalogue import Catalogue

MAX_RECORDS = 10
"""Maximum number of a subject's decisions read to find the rules' answer."""
STATE_NAMES: Mapping[OverrideState, Message] = {
    "runs": Message("in effect"),
    "provisional": Message("in effect for now"),
    "waiting": Message("awaiting signatures"),
    "lapsed": Message("lapsed unsigned"),
    "ended": Message("ended by a person"),
    "over": Message("over"),
}


@dataclass(frozen=True, slots=True)
class ListedOverride:
    """One override of the list."""

    override: Override
    title: Bilingual
    outcome: tuple[tuple[FieldText, ...], ...]
    last_decision: LastDecision | None
    """The rules' last answer; None if the policy has not decided recently."""
    state: OverrideState
    owed_roles: tuple[Role, ...]
    """The roles that have not signed yet."""


def read_listed(
    session: Session, catalogue: Catalogue, overrides: Sequence[Override], now: datetime, lang: Language
) -> Iterator[ListedOverride]:
    """Yield overrides with the data shown in a list."""
    first_of = {(each.policy, each.version): each for each in overrides}
    versions = {name: read_policy_version(catalogue, session, each) for name, each in first_of.items()}
    for each in overrides:
        yield _listed(session, each, versions[each.policy, each.version], now, lang)


def _listed(
    session: Session, override: Override, policy: Policy | None, now: datetime, lang: Language
) -> ListedOverride:
    state = override.state(now)
    return ListedOverride(
        override=override,
        title=policy.title if policy else Bilingual(override.policy, override.policy),
        outcome=outcome_texts(override.outcome, policy, lang),
        last_decision=read_last_decision(session, override.subject, override.policy, lang, MAX_RECORDS),
        state=state,
        owed_roles=tuple(map(Role, override.missing_roles)) if state in {"provisional", "waiting"} else (),
    )
