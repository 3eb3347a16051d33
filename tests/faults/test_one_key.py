"""A hundred requests at once with one idempotency key have one effect and a hundred equal answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlmodel import func, select

from api.app import Application, create_app
from policy_service.approval.tables import ChangeRow
from policy_service.audit.events import ChangeDrafted
from policy_service.audit.tables import AuditEntry
from policy_service.decisions.tables import DecisionRow
from policy_service.idempotency import IdempotencyRow
from policy_service.workers.pool import InlineWorkers
from tests.api.company import Company, company
from tests.approval.world import TIER, tier
from tests.databases import BACKENDS
from tests.faults.machine import machine
from tests.faults.sending import Sent, send_all

MANY = 100
DECISION = {"subject": "C1", "facts": {"orders": 150}, "policies": [TIER]}


@contextmanager
def two(backend: str) -> Iterator[tuple[Company, list[Application]]]:
    """A company whose service runs twice on the same database, as two processes do."""
    with company(backend) as here:
        other = create_app(here.app.service.settings, here.clock, InlineWorkers())
        assert isinstance(other, Application)
        try:
            yield here, [here.app, other]
        finally:
            other.service.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_hundred_decisions_with_one_key_are_one_decision_however_many_services_are_asked(backend: str) -> None:
    with two(backend) as (here, apps):
        answers = send_all(apps, [Sent("/v1/decisions", machine(here.database, here.clock), DECISION, "k1")] * MANY)
        assert [answer.status_code for answer in answers] == [200] * MANY
        assert len({answer.content for answer in answers}) == 1
        assert [answer.headers.get("idempotency-replayed") for answer in answers].count(None) == 1
        with here.database.read() as session:
            assert session.exec(select(DecisionRow.id)).all() == [answers[0].json()["decision_id"]]
            assert session.exec(select(IdempotencyRow.key)).all() == ["k1"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_hundred_changes_with_one_key_are_one_change_however_many_services_are_asked(backend: str) -> None:
    with two(backend) as (here, apps):
        request = Sent("/v1/changes", f"Bearer {here.token('ann')}", here.draft(tier("1.1.0")), "k1")
        answers = send_all(apps, [request] * MANY)
        assert [answer.status_code for answer in answers] == [201] * MANY
        assert len({answer.content for answer in answers}) == 1
        assert [answer.headers.get("idempotency-replayed") for answer in answers].count(None) == 1
        assert len({answer.headers["etag"] for answer in answers}) == 1
        with here.database.read() as session:
            assert session.exec(select(ChangeRow.id)).all() == [answers[0].json()["id"]]
            drafted = select(func.count()).where(AuditEntry.event == ChangeDrafted.name)
            assert session.exec(drafted).one() == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_different_decisions_with_one_key_are_one_decision_and_refusals(backend: str) -> None:
    with two(backend) as (here, apps):
        request = Sent("/v1/decisions", machine(here.database, here.clock), DECISION, "k1")
        bodies = [{**DECISION, "subject": f"C{number}"} for number in range(MANY)]
        answers = send_all(apps, [request._replace(body=body) for body in bodies])
        assert {answer.status_code for answer in answers} <= {200, 409, 422}
        assert [answer.status_code for answer in answers].count(200) == 1
        with here.database.read() as session:
            assert session.exec(select(func.count()).select_from(DecisionRow)).one() == 1
