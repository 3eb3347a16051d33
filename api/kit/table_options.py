"""Options of filters that several lists have."""

from __future__ import annotations

from sqlmodel import Session

from api.kit.context import PageContext
from api.kit.subjects import kind_options
from api.kit.table import Options
from policy_service.registry.service import policy_names
from policy_service.subject import kind_error


def policy_options(session: Session, context: PageContext) -> Options:
    """The policies that were ever in force, by title; one that is in force no longer by its name."""
    lang, heads = context.frame.lang, context.service.catalogue.heads_in_force(session, context.frame.now)
    titles = {name: head.title.in_language(lang) for name, head in heads.items()}
    return tuple((name, titles.get(name, name)) for name in policy_names(session))


def subject_kind_options(session: Session, context: PageContext) -> Options:
    """The kinds of subjects that policies in force are about, and the one that was asked for."""
    frame, selected = context.frame, context.params.get("kind", "").strip()
    policies = context.service.catalogue.in_force(session, frame.now).values()
    return kind_options(policies, frame.lang, "" if kind_error(selected) else selected)
