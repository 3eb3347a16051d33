"""The service tells whether it is alive, whether it decides, and what it has counted."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from api.features.health.endpoints import readiness
from api.service import Service
from policy_service import Decision, Health
from policy_service.database import DatabaseUnavailable
from policy_service.decisions import decider as deciding
from tests.api.client import REQUEST, RFM, application, ask, assert_problem, decide, opened, populate
from tests.databases import fresh_url
from tests.shipped import VERSIONS


def service() -> Service:
    """The service behind the application."""
    return application().service


def test_it_is_alive() -> None:
    assert ask("GET", "/healthz").json() == {"status": "alive"}


def test_it_is_ready_when_it_decides_an_example_rightly() -> None:
    answer = ask("GET", "/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["self_test"] == "passed"
    assert answer.json()["policies"] == len(service().decider.policies)


@pytest.mark.parametrize("seen", [Health("durable_rules", differences=1), Health("durable_rules", fallbacks=1)])
def test_it_is_degraded_when_another_evaluator_took_over(seen: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding.Decider, "health", seen)
    assert ask("GET", "/readyz").status_code == 200
    assert readiness(service()).status == "degraded"


def test_it_is_not_ready_when_it_decides_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Decision.to_dict

    def by_another_rule(decision: Decision) -> dict[str, Any]:
        return {policy: {**entry, "rules": ["another"]} for policy, entry in real(decision).items()}

    monkeypatch.setattr(Decision, "to_dict", by_another_rule)
    answer = ask("GET", "/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not_ready"
    assert "by ['another']" in answer.json()["self_test"]


def test_it_is_not_ready_when_it_cannot_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(deciding.Decider, "decide", fail)
    answer = ask("GET", "/readyz")
    assert answer.status_code == 503
    assert "RuntimeError" in answer.json()["self_test"]


def test_decisions_are_counted_by_policy_and_status() -> None:
    def counted() -> dict[str, float]:
        pairs = (line.rpartition(" ") for line in ask("GET", "/metrics").text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    decide()
    before = counted()
    decide()
    after = counted()
    name = f'policy_service_outcomes_total{{policy="{RFM}",status="decided"}}'
    assert after[name] == before[name] + 1
    assert after["policy_service_decision_seconds_count"] == before["policy_service_decision_seconds_count"] + 1
    assert after[f'policy_service_policy{{policy="{RFM}",version="{VERSIONS[RFM]}"}}'] == 1
    assert "policy_service_differences_total" in after


def test_it_is_not_ready_while_the_database_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*_: object) -> None:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(
        "api.features.health.endpoints.run_read", gone
    )  # not for the thread that keeps up: its trouble would last
    answer = ask("GET", "/readyz")
    assert answer.status_code == 503
    assert answer.json()["self_test"] == "the database does not answer"


def test_it_is_degraded_while_what_comes_into_force_cannot_be_kept_up_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service().decisions.in_force, "last_error", "the policies do not fit together")
    state = readiness(service())
    assert (state.status, len(state.concerns)) == ("degraded", 1)


def test_without_a_policy_in_force_it_serves_and_is_not_ready(tmp_path: Path) -> None:
    with fresh_url("sqlite") as url:
        populate(url, policies=tmp_path)
        with opened(database_url=SecretStr(url)) as app:
            assert ask("GET", "/readyz", app=app).json()["self_test"] == "no policy is in force"
            assert ask("GET", "/v1/policies", app=app).json()["items"] == []
            assert_problem(decide(REQUEST | {"policies": None}, app=app), 503, "not-ready")
