"""What can be set from outside: environment variables, each with the prefix `POLICY_SERVICE_`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, DirectoryPath, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from policy_service.clock import DEFAULT_ZONE
from policy_service.language.diagnostics import did_you_mean
from policy_service.shipped import shipped_policies

PREFIX = "POLICY_SERVICE_"
KIBIBYTE = 1_024


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not the name of a time zone, such as Asia/Shanghai or UTC") from None
    return name


class Settings(BaseSettings):
    """Every setting with its default; `docs/reference/settings.md` explains them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    policies: DirectoryPath = Field(default_factory=shipped_policies)
    """The folder of policy files, `<domain>/<policy>/<version>.yaml`; the newest version of each decides."""
    engine: Literal["durable_rules", "python", "definition"] = "durable_rules"
    """Which evaluator decides."""
    shadow_every: Annotated[int, Field(ge=0)] = 100
    """Of how many decisions one is also made by a second evaluator and compared; 0 for none."""
    time_zone: Annotated[str, AfterValidator(_known_zone)] = DEFAULT_ZONE
    """Where a day begins, when a request does not say `as_of`."""
    decision_body_limit: Annotated[int, Field(ge=KIBIBYTE, le=64 * KIBIBYTE**2)] = 256 * KIBIBYTE
    """Bytes of a request for a decision."""
    policy_body_limit: Annotated[int, Field(ge=KIBIBYTE, le=2 * KIBIBYTE**2)] = 2 * KIBIBYTE**2
    """Bytes of a policy file to check; never more than the language reads."""
    policy_check_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    """Seconds that checking one policy file may take."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """From which level on events are logged."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.time_zone)


class SettingsRefusedError(ValueError):
    """The environment sets something unknown or something wrong; the message has a line for each."""


def read_settings() -> Settings:
    """The settings of the environment.

    Raises SettingsRefusedError: a name with a slip in it would otherwise leave a default in force without a word.
    """
    names = {f"{PREFIX}{name}".upper(): name for name in Settings.model_fields}
    faults = [
        _unknown(name, names)
        for name in sorted(os.environ)
        if name.upper().startswith(PREFIX) and name.upper() not in names
    ]
    try:
        settings = Settings()
    except ValidationError as error:
        faults += [f"{PREFIX}{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors()]
        raise SettingsRefusedError("\n".join(faults)) from None
    if faults:
        raise SettingsRefusedError("\n".join(faults))
    return settings


def _unknown(name: str, known: Mapping[str, str]) -> str:
    hint = did_you_mean(name.upper(), known)
    return f"{name}: unknown setting" + (f", {hint}" if hint else "")
