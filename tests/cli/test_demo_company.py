"""`init --demo` with the shipped policies makes a company with a year behind it, and says that it is invented."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import func, select

from policy_service.approval.service import list_changes, read_effect
from policy_service.audit.keys import public_keys
from policy_service.audit.log_key import read_log_keys
from policy_service.audit.tables import AuditEntry
from policy_service.cli.demo_company import CUSTOMERS, MONTHS, TIER
from policy_service.clock import SystemClock
from policy_service.database import Database
from policy_service.decisions.groups.movements import movements
from policy_service.decisions.groups.queries import group_sizes, grouped_policies
from policy_service.decisions.macs import last_decision_seq
from policy_service.decisions.tables import DecisionRow
from policy_service.decisions.verification import verify_everything
from policy_service.identity.api_keys import api_keys
from policy_service.overrides.queries import OverrideFilter, list_overrides
from policy_service.paths import CHECKPOINTS, DATABASE, DEFAULT_DATABASE, DEFAULT_KEYS, KEYS
from policy_service.population.actual_effect import compare_effect
from tests.cli.command import call
from tests.demonstration import demonstration


def test_the_company_of_the_demonstration_has_a_year_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(demonstration(tmp_path / "clone"))
    for name in (DATABASE, KEYS, CHECKPOINTS):
        monkeypatch.delenv(name, raising=False)
    keys, now = Path(DEFAULT_KEYS), SystemClock().now()
    with closing(Database(DEFAULT_DATABASE, keys=keys)) as database:
        with database.read() as session:
            assert session.exec(select(AuditEntry.event).where(AuditEntry.seq == 1)).one() == "demonstration_begun"
            verdict = verify_everything(session, list(public_keys(keys).values()), (), read_log_keys(keys))
            assert verdict.is_fine, verdict.faults
            sizes = {each.group.name: each.subjects for each in group_sizes(session, [TIER])}
            assert set(sizes) == {"tier:S", "tier:A", "tier:B", "tier:C"}
            assert sum(sizes.values()) == CUSTOMERS
            assert grouped_policies(session)[0] == TIER  # what decided about most comes first
            today = now.date()
            assert any(
                each.before != each.after for each in movements(session, TIER, today - timedelta(days=90), today)
            )
            first = session.exec(select(func.min(DecisionRow.decided_at))).one()
            assert str(first) < str(now - timedelta(days=300))
            changes = {str(each.state): each for each in list_changes(session).items if each.kind == "change"}
            assert changes.keys() == {"scheduled", "rejected", "submitted"}
            effects = {state: read_effect(session, each) for state, each in changes.items()}
            parts = {state: effect.document["parts"][0] for state, effect in effects.items() if effect is not None}
            assert [state for state, part in parts.items() if 0 < part["moved"] < CUSTOMERS] == list(changes)
            assert parts["submitted"]["workload"]
            assert changes["submitted"].missing_roles
            signed = effects["scheduled"]
            assert signed is not None
            [cadence] = compare_effect(session, signed, today).policies
            assert cadence.actual_moved > 0
            assert cadence.not_decided == 0
            latest = session.exec(select(func.max(DecisionRow.as_of))).one()
            assert latest >= today - timedelta(days=1)
            assert len(list_overrides(session, OverrideFilter(), now).items) == 3
            kinds = set(session.exec(select(DecisionRow.kind).distinct()))
            assert {"customer", "complaint", "salesperson"} <= kinds
            decisions = last_decision_seq(session)
            assert decisions > CUSTOMERS * MONTHS
            assert [each.name for each in api_keys(session).values() if each.is_valid(now)] == ["demo-integration"]
        assert call(capsys, "init", "--demo").status == 0
        with database.read() as session:
            assert last_decision_seq(session) == decisions
