"""What every page of groups reads: policies and groups to choose from, and the day it is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlmodel import Session

from api.kit.context import PageContext
from api.kit.table import Options
from policy_service.decisions.groups.model import Group
from policy_service.decisions.groups.movements import declaring_head, grouped_heads
from policy_service.decisions.words.groups import group_text
from policy_service.language.policy import Policy


def read_head(session: Session, context: PageContext, policy: str) -> Policy:
    """The version that says what the groups of a policy are called."""
    return declaring_head(session, context.service.catalogue, policy, context.frame.now)


def policy_options(session: Session, context: PageContext) -> Options:
    """The policies that decided about anybody, by title; those that give tiers first."""
    catalogue, now = context.service.catalogue, context.frame.now
    heads = context.once("heads", lambda: grouped_heads(session, catalogue, now))
    return tuple((name, head.title.in_language(context.frame.lang)) for name, head in heads.items())


def group_options(groups: Iterable[Group], head: Policy, context: PageContext) -> Options:
    """Groups by what a version calls them."""
    texts = (group_text(each, head, context.frame.lang) for each in groups)
    return tuple((each.name, each.label(context.frame.lang)) for each in texts)


def chosen_policy(session: Session, context: PageContext) -> str | None:
    """The policy that was chosen, else the first; None when the chosen one, or any, did not decide about anybody."""
    policies = dict(policy_options(session, context))
    policy = context.params.get("policy", "").strip() or next(iter(policies), None)
    return policy if policy in policies else None


def today(context: PageContext) -> date:
    """The day it is for the service."""
    return context.frame.now.astimezone(context.service.zone).date()
