"""The service tells whether it is alive, whether it decides, and what it has counted."""

from pathlib import Path
from typing import Any, cast

import pytest

from api.app import Application, create_app
from api.rest.health import readiness
from api.service import Service
from policy_service import Decision, Health, PolicyError
from policy_service.decisions import decide as deciding
from tests.api.client import RFM, application, ask, decide, settings


def service() -> Service:
    """The service behind the application."""
    return cast("Application", application()).service


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
    assert after[f'policy_service_policy{{policy="{RFM}",version="1.0.0"}}'] == 1
    assert "policy_service_differences_total" in after


def test_without_policies_there_is_no_service(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no policy below"):
        create_app(settings(policies=tmp_path))


def test_with_a_faulty_policy_there_is_no_service(tmp_path: Path) -> None:
    folder = tmp_path / "tiering" / "rfm_value"
    folder.mkdir(parents=True)
    (folder / "1.0.0.yaml").write_text("policy: tiering/rfm_value\n", "utf-8")
    with pytest.raises(PolicyError, match="missing-key"):
        create_app(settings(policies=tmp_path))
