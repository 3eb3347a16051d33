"""A company with a machine that asks for decisions, in its one process."""

from __future__ import annotations

from datetime import timedelta

from policy_service.actor import SERVICE, Role
from policy_service.database import Database
from policy_service.identity.api_keys import issue_key
from policy_service.registry.model import ActivationKind, Period
from policy_service.registry.service import activate, read_version, record_version
from tests.api.company import Company
from tests.databases import TestClock

PLACE = "tiering/place"
TEXTS = f"""
policy: {PLACE}
version: 1.0.0
title: {{zh: 地方, en: place}}
subject: customer
facts:
  place: {{type: text, optional: true}}
  phone: {{type: text, optional: true, sensitive: true}}
outcome:
  said: {{type: text}}
rules:
  hit: FIRST
  rows:
    - {{id: all, when: "true", then: {{said: all}}, because: {{zh: 都, en: all of them}}}}
""".encode()


def machine(database: Database, clock: TestClock) -> str:
    """The `Authorization` of a machine."""
    with database.write(clock) as transaction:
        expires = transaction.now + timedelta(days=30)
        issued = issue_key(transaction, SERVICE, name="crm", scopes=[Role.INTEGRATION], expires_at=expires)
    return f"Bearer {issued.text}"


def put(here: Company, text: bytes) -> None:
    """Puts a version in force, from now on."""
    with here.database.write(here.clock) as transaction:
        policy = record_version(transaction, SERVICE, text, change=None)
        row = read_version(transaction.session, policy.id, policy.version)
        activate(transaction, SERVICE, row, Period(transaction.now), ActivationKind.CHANGE)
