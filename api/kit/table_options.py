"""Options of filters that several lists have: policies, kinds of subjects, groups."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlmodel import Session

from api.kit.common_fields import kind_options
from api.kit.context import PageContext
from api.kit.table import Options, TableFilter
from policy_service.decisions.groups.model import Group
from policy_service.decisions.groups.movements import declaring_head, grouped_heads
from policy_service.decisions.words.groups import group_text
from policy_service.language.policy import Policy
from policy_service.messages import Message
from policy_service.registry.service import policy_names
from policy_service.subject import kind_error


def policy_options(session: Session, context: PageContext) -> Options:
    """Return the policies that were ever in force, by title; one that is in force no longer by its name."""
    lang, heads = context.frame.lang, context.service.catalogue.heads_in_force(session, context.frame.now)
    titles = {name: head.title.in_language(lang) for name, head in heads.items()}
    return tuple((name, titles.get(name, name)) for name in policy_names(session))


def subject_kind_options(session: Session, context: PageContext) -> Options:
    """Return the kinds of subjects that policies in force are about, and the one that was asked for."""
    frame, selected = context.frame, context.params.get("kind", "").strip()
    policies = context.service.catalogue.in_force(session, frame.now).values()
    return kind_options(policies, frame.lang, "" if kind_error(selected) else selected)


OF_POLICY = TableFilter("policy", Message("Policy"), "choice", policy_options, Message("all policies"))
OF_KIND = TableFilter("kind", Message("Kind of subject"), "choice", subject_kind_options, Message("all kinds"))


def read_head(session: Session, context: PageContext, policy: str) -> Policy:
    """Return the version that says what the groups of a policy are called."""
    return declaring_head(session, context.service.catalogue, policy, context.frame.now)


def grouped_policy_options(session: Session, context: PageContext) -> Options:
    """Return the policies with decisions, by title; tiering policies first."""
    catalogue, now = context.service.catalogue, context.frame.now
    heads = context.once("heads", lambda: grouped_heads(session, catalogue, now))
    return tuple((name, head.title.in_language(context.frame.lang)) for name, head in heads.items())


def group_options(groups: Iterable[Group], head: Policy, context: PageContext) -> Options:
    """Groups by what a version calls them."""
    texts = (group_text(each, head, context.frame.lang) for each in groups)
    return tuple((each.name, each.label(context.frame.lang)) for each in texts)


def chosen_policy(session: Session, context: PageContext) -> str | None:
    """Return the chosen policy, else the first; None if there is none with decisions."""
    policies = dict(grouped_policy_options(session, context))
    policy = context.params.get("policy", "").strip() or next(iter(policies), None)
    return policy if policy in policies else None


def today(context: PageContext) -> date:
    """Return the day it is for the service."""
    return context.frame.now.astimezone(context.service.zone).date()
