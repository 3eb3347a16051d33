"""Groups in words, and what every page of groups reads: policies to choose from, and the day it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from api.kit.frame import Frame
from api.kit.languages import translations
from api.kit.table import Options, TableContext
from policy_service.decisions.groups.model import Group
from policy_service.decisions.groups.movements import declaring_head, grouped_heads
from policy_service.decisions.words.answers import STATUS_NAMES, FieldText, outcome_cell, outcome_texts
from policy_service.language.policy import Language, Policy
from policy_service.messages import Message, translate

NO_GROUP = Message("not decided before")
MAX_DRAWN_GROUPS = 24
"""A policy with more groups, as one that gives amounts, has no charts of them."""


@dataclass(frozen=True, slots=True)
class GroupText:
    """A group in words: its values with their titles, or its status."""

    name: str
    texts: tuple[tuple[FieldText, ...], ...]
    status: Message

    def label(self, frame: Frame) -> str:
        """The same in one text."""
        return ("；" if frame.lang == "zh" else "; ").join(outcome_cell(self.texts, frame.lang)) or self.status

    def chart_label(self, lang: Language) -> str:
        """The values alone, or the status, in the reader's language."""
        values = [field.value or "" for entry in self.texts for field in entry]
        return ", ".join(values) if values else translate(self.status, translations(lang).gettext)

    def cell(self, frame: Frame) -> object:
        """Its text in an export."""
        return outcome_cell(self.texts, frame.lang) if self.texts else self.status


def group_text(group: Group | None, head: Policy, lang: Language) -> GroupText:
    """A group in the words of a version; None is no group."""
    if group is None:
        return GroupText("none", (), NO_GROUP)
    texts = outcome_texts(group.values, head, lang) if group.values else ()
    return GroupText(group.name, texts, STATUS_NAMES[group.status])


def read_heads(session: Session, context: TableContext, policies: Iterable[str]) -> Mapping[str, Policy]:
    """The versions that say what the groups of policies are called."""
    catalogue, now = context.service.catalogue, context.frame.now
    return {name: declaring_head(session, catalogue, name, now) for name in set(policies)}


def policy_options(session: Session, context: TableContext) -> Options:
    """The policies that decided about anybody, by title; those that give tiers first."""
    catalogue, now = context.service.catalogue, context.frame.now
    heads = context.once("heads", lambda: grouped_heads(session, catalogue, now))
    return tuple((name, head.title.in_language(context.frame.lang)) for name, head in heads.items())


def chosen_policy(session: Session, context: TableContext) -> str | None:
    """The policy that was chosen, else the first; None when the chosen one, or any, did not decide about anybody."""
    policies = dict(policy_options(session, context))
    policy = context.params.get("policy", "").strip() or next(iter(policies), None)
    return policy if policy in policies else None


def today(context: TableContext) -> date:
    """The day it is for the service."""
    return context.frame.now.astimezone(context.service.zone).date()
