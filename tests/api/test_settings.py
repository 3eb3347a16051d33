"""Settings come from the environment; a slip in a name or a value is refused, and every one is told."""

import pytest

from policy_service import shipped_policies
from policy_service.settings import PREFIX, InvalidSettingsError, Settings, read_settings, variable_name
from tests.architecture.project import ROOT


def test_without_any_the_shipped_policies_are_decided_by_the_rules_engine() -> None:
    settings = read_settings()
    assert settings.policies == shipped_policies()
    assert settings.engine == "durable_rules"
    assert settings.zone.key == "Asia/Shanghai"


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICY_SERVICE_ENGINE", "python")
    monkeypatch.setenv("policy_service_time_zone", "UTC")
    monkeypatch.setenv("POLICY_SERVICE_LOG_LEVEL", "")
    settings = read_settings()
    assert (settings.engine, settings.time_zone, settings.log_level) == ("python", "UTC", "info")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENGINE", "fast"),
        ("POLICIES", "nowhere"),
        ("SHADOW_EVERY", "-1"),
        ("TIME_ZONE", "Asia/Peking"),
        ("TIME_ZONE", "../../etc/passwd"),
        ("DECISION_BODY_LIMIT", "0"),
        ("POLICY_BODY_LIMIT", "99999999"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_value_that_cannot_be_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}{name}", value)
    with pytest.raises(InvalidSettingsError, match=f"^{PREFIX}{name}: "):
        read_settings()


def test_every_slip_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICY_SERVICE_ENGIN", "python")
    monkeypatch.setenv("POLICY_SERVICE_SHADOW_EVERY", "often")
    with pytest.raises(InvalidSettingsError) as refused:
        read_settings()
    lines = str(refused.value).splitlines()
    assert lines[0] == "POLICY_SERVICE_ENGIN: unknown setting, did you mean `POLICY_SERVICE_ENGINE`?"
    assert lines[1].startswith("POLICY_SERVICE_SHADOW_EVERY: ")


def test_words_of_the_company_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICY_SERVICE_PASSWORD_WORDS", "Acme, 博达")
    assert read_settings().words == ("Acme", "博达")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_is_documented(name: str) -> None:
    assert f"| `{variable_name(name)}` |" in (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
