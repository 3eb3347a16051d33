"""What a pack is to be about, as a form says it: a policy, a subject, both, or a period."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlmodel import Session, select

from api.pages.forms import Day, Faults, FormModel
from api.pages.subjects import subject_faults
from policy_service.decisions.records import is_on_record
from policy_service.language.policy import Language, Policy
from policy_service.packs.scope import MAX_SAMPLE, Scope
from policy_service.registry.tables import VersionRow
from policy_service.sentences import Sentence
from policy_service.subject import CUSTOMER, KIND, MAX_ID, Subject

Option = tuple[str, str]


class PackForm(FormModel):
    """The form; what is left out does not matter."""

    policy: Annotated[str, Field(max_length=129)] | None = None
    subject: Annotated[str, Field(max_length=MAX_ID)] | None = None
    kind: Annotated[str, Field(pattern=f"^{KIND.pattern}$")] = CUSTOMER
    since: Day | None = None
    until: Day | None = None
    sample: Annotated[int, Field(ge=0, le=MAX_SAMPLE)] = 20


def scope_of(form: PackForm, zone: ZoneInfo) -> Scope:
    """What the form asks for; days are those of the zone, the last one included. Raises ScopeRefused."""
    since = _midnight(form.since, zone) if form.since else None
    until = _midnight(form.until + timedelta(days=1), zone) if form.until else None
    subject = Subject(form.subject, form.kind) if form.subject else None
    return Scope(form.policy, subject, since, until, form.sample)


def unknown(session: Session, form: PackForm) -> Faults:
    """Which of what was asked for is not on record."""
    faults: Faults = {}
    if form.policy and session.exec(select(VersionRow.digest).where(VersionRow.policy == form.policy)).first() is None:
        faults["policy"] = Sentence("Choose one of what is offered.")
    if form.subject and not is_on_record(session, form.subject, form.kind):
        unheard = {"subject": Sentence("Nothing is on record about this subject.")}
        faults |= subject_faults(Subject(form.subject, form.kind)) or unheard
    return faults


def options(session: Session, in_force: Mapping[str, Policy], lang: Language) -> tuple[Option, ...]:
    """Every policy there ever was, with its title where it is in force."""
    names = sorted(session.exec(select(VersionRow.policy).distinct()))
    return tuple((name, _titled(name, in_force.get(name), lang)) for name in names)


def _titled(name: str, policy: Policy | None, lang: Language) -> str:
    if policy is None:
        return name
    title = policy.title.zh if lang == "zh" else policy.title.en
    return f"{name} · {title}"


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
