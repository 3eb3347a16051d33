"""The form that makes an exception: for whom, from which policy, what is decided instead, why, until which day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr
from sqlmodel import Session
from starlette.requests import Request

from api.pages.confirming import Confirming, confirming
from api.pages.forms import ETAG, KEY, Faults, Filled, Form, FormModel, checked
from api.pages.frame import Frame
from api.pages.listing import link
from api.pages.overrides.fields import OutcomeField, entries_of, is_of_outcome, outcome_given
from api.pages.overrides.listing import PATH
from api.pages.overrides.one import held
from api.pages.overrides.words import Used, last_use
from api.pages.subjects import subject_faults
from api.service import Service
from policy_service.actor import DIRECTORS, Role
from policy_service.decisions.overrides import GOVERNANCE
from policy_service.decisions.overriding import LONGEST, MAX_REASON
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.overrides.service import AskedOverride
from policy_service.sentences import Sentence
from policy_service.subject import MAX_ID, Subject, id_fault

NEW = f"{PATH}/new"
NOT_IN_FORCE = Sentence("Choose a policy that is in force; nobody is excepted from the rules of governance.")
NO_DAY = Sentence("This is not a day or a time.")


class OverrideForm(FormModel):
    """The fields that do not depend on the policy."""

    subject: Annotated[str, Field(max_length=MAX_ID)]
    policy: Annotated[str, Field(max_length=129)]
    role: Role
    reason: Annotated[str, Field(max_length=MAX_REASON)]
    last_day: date
    password: Annotated[SecretStr, Field(max_length=256)] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """An exception as it was asked for, ready for the library."""

    override: AskedOverride
    password: SecretStr | None


@dataclass(frozen=True, slots=True)
class NewOverridePage:
    """The form; its second half is there as soon as a policy is chosen."""

    template: ClassVar[str] = "overrides/new.html"
    frame: Frame
    form: Filled
    policies: tuple[tuple[str, str], ...]
    policy: str | None
    title: Bilingual | None
    kind: str | None
    """Of the subjects that the policy is about."""
    version: str | None
    lists: bool
    entries: tuple[tuple[OutcomeField, ...], ...]
    used: Used | None
    roles: tuple[Role, ...]
    confirming: Confirming
    longest: int
    """Days that an exception lasts at most."""


def new_page(service: Service, session: Session, request: Request, frame: Frame, form: Filled) -> NewOverridePage:
    """The form as it stands."""
    offered = _offered(service, session, frame.now)
    name, subject = form.value("policy"), form.value("subject")
    policy = offered.get(name)
    back = link(NEW, subject=subject[:MAX_ID], policy=name if policy else "")
    about = Subject(subject, policy.subject) if policy and id_fault(subject) is None else None
    return NewOverridePage(
        frame=frame,
        form=form,
        policies=tuple((each.id, f"{_title(each, frame.lang)} ({each.id})") for each in offered.values()),
        policy=policy.id if policy else None,
        title=policy.title if policy else None,
        kind=policy.subject if policy else None,
        version=policy.version if policy else None,
        lists=policy.lists if policy else False,
        entries=entries_of(policy, form, frame.lang) if policy else (),
        used=last_use(service, session, about, name, frame.lang) if about else None,
        roles=held(frame.actor, DIRECTORS),
        confirming=confirming(request, frame.now, back),
        longest=LONGEST.days,
    )


def asked(service: Service, session: Session, form: Form, lang: Language) -> Asked | Faults:
    """What was filled in, or what is wrong with each field."""
    own = {name: each for name, each in form.fields.items() if not is_of_outcome(name)}
    given = checked(Form(own, {}), OverrideForm)
    faults: Faults = given if isinstance(given, dict) else {}
    policy = _offered(service, session, service.clock.now()).get(form.one("policy"))
    if policy is None:
        faults.setdefault("policy", NOT_IN_FORCE)
    outcome, wrong = outcome_given(policy, form, lang) if policy else (None, {})
    faults = {**faults, **wrong}
    faults |= _typed(form.one("subject"))
    until = _until(given.last_day, service.zone) if isinstance(given, OverrideForm) else None
    if isinstance(given, OverrideForm) and until is None:
        faults["last_day"] = NO_DAY
    if not isinstance(given, OverrideForm) or until is None or policy is None or faults:
        return {
            name if name in OverrideForm.model_fields or is_of_outcome(name) else "": faults[name] for name in faults
        }
    subject = Subject(given.subject, policy.subject)
    override = AskedOverride(subject, given.policy, outcome, given.role, given.reason, until)
    return Asked(override, given.password)


def begun(pages_form: Filled, query: dict[str, str]) -> Filled:
    """A form that an address begins: what it names stands in the fields."""
    faults = _typed(query.get("subject", ""))
    values = {name: (value,) for name, value in query.items() if name not in {KEY, ETAG}}
    return Filled(pages_form.key, values, faults)


def _typed(id_: str) -> Faults:
    """What is wrong with the field of the subject; one that is empty is another fault."""
    return subject_faults(Subject(id_)) if id_ else {}


def _offered(service: Service, session: Session, now: datetime) -> dict[str, Policy]:
    """The policies that a subject can be excepted from."""
    active = service.catalogue.heads_in_force(session, now)
    return {name: policy for name, policy in active.items() if policy.domain != GOVERNANCE}


def _until(last: date, zone: ZoneInfo) -> datetime | None:
    """The end of a day, which is the beginning of the next; None when there is none."""
    try:
        return datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    except OverflowError:
        return None


def _title(policy: Policy, lang: Language) -> str:
    return policy.title.zh if lang == "zh" else policy.title.en
