"""Decisions of a company, made as a program would have them made; sealed when a test says so."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

from policy_service.actor import Actor, Role
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.sealer import Sealer
from policy_service.subject import CUSTOMER, Subject
from tests.api.company import Company
from tests.approval.world import BONUS, TIER
from tests.overrides.alone import record_alone
from tests.pages.visitor import Seen

CRM = Actor("id-crm", "crm", "crm", frozenset({Role.INTEGRATION}), "machine")
HOSTILE = "<script>alert(1)</script>=cmd()\u202e" + "🙂" * 20 + "W" * 100
"""As long as a subject may be, and nothing that may be run."""


def decided(
    here: Company,
    subject: str,
    *policies: str,
    kind: str = CUSTOMER,
    as_of: date | None = None,
    corrects: str | None = None,
    **facts: object,
) -> str:
    """The identifier of a decision about somebody, by the bonus unless told otherwise."""
    request = DecisionRequest(
        subject, facts or {"orders": 120}, policies or (BONUS,), kind=kind, as_of=as_of, corrects=corrects
    )
    answer = here.app.service.decisions.decide_in_thread(request, CRM)
    body: str = json.loads(answer.body)["decision_id"]
    return body


def sealed(here: Company) -> None:
    """Seals all there is."""
    service = here.app.service
    Sealer(service.database, service.clock, service.settings.keys).seal_all()


def excepted(
    here: Company,
    subject: str,
    policy: str = TIER,
    outcome: object = MappingProxyType({"size": "small"}),
    reason: str = "a partner of ten years",
    kind: str = CUSTOMER,
) -> str:
    """The identifier of an exception that the sales director made, for a month."""
    actor = replace(here.people["sales"].actor(), confirmed_at=here.clock.at)
    with here.database.write(here.clock) as transaction:
        return record_alone(
            transaction,
            actor,
            subject=Subject(subject, kind),
            policy=policy,
            outcome=outcome,
            role=Role.SALES_DIRECTOR,
            reason=reason,
            until=here.clock.at + timedelta(days=30),
        ).id


def at(here: Company) -> str:
    """Now, as a form has it, in the time zone of the service."""
    return here.clock.at.astimezone(here.app.service.zone).strftime("%Y-%m-%dT%H:%M")


def said(page: Seen) -> str:
    """What a reader reads in the content, without the blanks that stand before marks where elements meet."""
    return re.sub(r" (?=[,.:;、，。：；])", "", page.text("main"))
