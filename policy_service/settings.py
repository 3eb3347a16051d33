"""Settings: environment variables with the prefix `POLICY_SERVICE_`, except `DATABASE_URL`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    AliasChoices,
    DirectoryPath,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from policy_service.audit.copies import Copy, copies_of
from policy_service.clock import DEFAULT_ZONE
from policy_service.errors import StartupError
from policy_service.identity.passwords import words_of
from policy_service.identity.sessions import SessionLimits
from policy_service.language.diagnostics import did_you_mean
from policy_service.paths import (
    DATABASE,
    DEFAULT_CHECKPOINTS,
    DEFAULT_DATABASE,
    DEFAULT_KEYS,
    DEFAULT_RETENTION_DAYS,
    MAX_RETENTION_DAYS,
    parse_destinations,
    secure_url,
)
from policy_service.shipped import shipped_policies

PREFIX = "POLICY_SERVICE_"
KIBIBYTE = 1_024
Network = IPv4Network | IPv6Network
HSTS = r"^max-age=\d{1,10}(; includeSubDomains)?(; preload)?$"


def parse_networks(text: str) -> tuple[Network, ...]:
    """Return the networks and addresses in a comma-separated list. Raises ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _valid_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not the name of a time zone, such as Asia/Shanghai or UTC") from None
    return name


def _valid_checkpoint_locations(text: str) -> str:
    parse_destinations(text)
    return text


def _valid_hosts(text: str) -> str:
    if any(re.search(r"[\s/@*]|:\d*$", host.strip()) for host in text.split(",")):
        raise ValueError("not a list of host names such as policies.example, 10.0.0.7, without ports")
    return text


def _valid_networks(text: str) -> str:
    try:
        parse_networks(text)
    except ValueError:
        raise ValueError("not a list of addresses and networks such as 10.0.0.7, 192.168.0.0/24") from None
    return text


WebAddress = Annotated[str, AfterValidator(secure_url)]


class Settings(BaseSettings):
    """Every setting with its default; `docs/reference/settings.md` explains them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    database_url: Annotated[SecretStr, Field(validation_alias=AliasChoices(DATABASE, "database_url"))] = SecretStr(
        DEFAULT_DATABASE
    )
    """The database: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`."""
    keys: Path = Path(DEFAULT_KEYS)
    """The folder of the private keys: of the log's signatures and of subjects."""
    checkpoints: Path = Path(DEFAULT_CHECKPOINTS)
    """The file outside the database that the log's checkpoints are added to."""
    checkpoint_copies: Annotated[str, AfterValidator(_valid_checkpoint_locations)] = ""
    """Further places for checkpoints: files, folders, and addresses of append-only stores, separated by blanks."""
    checkpoint_token: FilePath | None = None
    """The file with the bearer token for those places that are addresses."""
    jobs: Path = Path("var/jobs")
    """The folder of the files that jobs make; all processes of one database share it."""
    retention_days: Annotated[int, Field(ge=1, le=MAX_RETENTION_DAYS)] = DEFAULT_RETENTION_DAYS
    """How many days decision records stay in the database before `policy-service archive` may take them."""
    policies: DirectoryPath = Field(default_factory=shipped_policies)
    """The folder of policy files, `<domain>/<policy>/<version>.yaml`, which is compared with what was submitted."""
    engine: Literal["durable_rules", "python", "definition"] = "durable_rules"
    """Which evaluator decides."""
    shadow_every: Annotated[int, Field(ge=0)] = 100
    """Of how many decisions one is also made by a second evaluator and compared; 0 for none."""
    time_zone: Annotated[str, AfterValidator(_valid_zone)] = DEFAULT_ZONE
    """Where a day begins, when a request does not say `as_of`."""
    reevaluation_days: Annotated[int, Field(ge=0, le=3_650)] = 0
    """Days that facts may be old when the service decides again by a version that comes into force; 0: it does not."""
    duplicate_keys: str = ""
    """Facts by which the form of data checks proposes to look for duplicates: `company_name, city; phone`."""
    decision_body_limit: Annotated[int, Field(ge=KIBIBYTE, le=64 * KIBIBYTE**2)] = 256 * KIBIBYTE
    """Bytes of a request for a decision."""
    batch_spool_limit: Annotated[int, Field(ge=KIBIBYTE**2, le=64 * KIBIBYTE**3)] = 256 * KIBIBYTE**2
    """Bytes of a batch that wait in a temporary file while its answers are not read."""
    policy_body_limit: Annotated[int, Field(ge=KIBIBYTE, le=2 * KIBIBYTE**2)] = 2 * KIBIBYTE**2
    """Bytes of a policy file to check; never more than the language reads."""
    policy_check_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    """Seconds that checking one policy file may take."""
    connection_limit: Annotated[int, Field(ge=8, le=100_000)] = 500
    """Connections that are open at a time; each takes a file descriptor."""
    head_seconds: Annotated[float, Field(gt=0, le=600)] = 10.0
    """Seconds that the head of a request may take to arrive."""
    body_seconds: Annotated[float, Field(gt=0, le=3_600)] = 60.0
    """Seconds between two pieces of a request's body."""
    session_idle_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 30
    """Minutes after which a session ends in which nothing was asked."""
    session_hours: Annotated[int, Field(ge=1, le=7 * 24)] = 12
    """Hours after which a session ends in any case."""
    password_words: str = ""
    """Words that no new password may hold: the company's name, its products."""
    second_factor: Literal["off", "required"] = "off"
    """Whether a signature by password takes a one-time code of the signer's second factor, too."""
    trusted_proxies: Annotated[str, AfterValidator(_valid_networks)] = ""
    """Addresses and networks of proxies whose `X-Forwarded-For` is believed."""
    allowed_hosts: Annotated[str, AfterValidator(_valid_hosts)] = ""
    """Names that the service may be asked for by, in the header `Host`; any when it is empty."""
    strict_transport_security: Annotated[str, Field(pattern=HSTS)] | None = None
    """The header `Strict-Transport-Security` of every answer."""
    public_url: WebAddress | None = None
    """The address people type to reach the service, when there is a proxy before it."""
    oidc_issuer: WebAddress | None = None
    """The identity provider that people may sign in at (OpenID Connect); none when it is not set."""
    oidc_client_id: str | None = None
    """How the provider knows this service."""
    oidc_client_secret: SecretStr | None = None
    """What proves to the provider that it is this service."""
    event_loop_milliseconds: Annotated[float, Field(gt=0, le=60_000)] = 50.0
    """Milliseconds for which a step of a request may hold the event loop before a warning is logged."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """From which level on events are logged."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.time_zone)

    @property
    def checkpoint_locations(self) -> tuple[str, ...]:
        """Everywhere that checkpoints are copied to."""
        return (str(self.checkpoints), *parse_destinations(self.checkpoint_copies))

    @property
    def copies(self) -> tuple[Copy, ...]:
        """The copies of the checkpoints."""
        return copies_of(self.checkpoint_locations, self.checkpoint_token)

    @property
    def words(self) -> tuple[str, ...]:
        """The words that no new password may contain."""
        return words_of(self.password_words)

    @property
    def hosts(self) -> frozenset[str]:
        """The allowed host names; none if any is allowed."""
        return frozenset(host.strip().lower() for host in self.allowed_hosts.split(",") if host.strip())

    @property
    def proxies(self) -> tuple[Network, ...]:
        """The networks of trusted proxies."""
        return parse_networks(self.trusted_proxies)

    @property
    def session_limits(self) -> SessionLimits:
        """The limits of sessions."""
        return SessionLimits(timedelta(minutes=self.session_idle_minutes), timedelta(hours=self.session_hours))

    @model_validator(mode="after")
    def _provider_is_complete(self) -> Self:
        required = {
            "oidc_client_id": self.oidc_client_id,
            "oidc_client_secret": self.oidc_client_secret,
            "public_url": self.public_url,
        }
        missing = [f"{PREFIX}{name.upper()}" for name, value in required.items() if value is None]
        if self.oidc_issuer is not None and missing:
            raise ValueError(f"{PREFIX}OIDC_ISSUER needs {', '.join(missing)} as well")
        return self


class InvalidSettingsError(StartupError):
    """The environment has unknown or invalid settings; the message has a line for each."""

    status = 2


def read_settings() -> Settings:
    """Return the settings from the environment.

    Raises InvalidSettingsError: otherwise a misspelt name would silently leave a default in force.
    """
    names = {variable_name(name): name for name in Settings.model_fields}
    lines = [
        _unknown_setting_line(name, names)
        for name in sorted(os.environ)
        if name.upper().startswith(PREFIX) and name.upper() not in names
    ]
    try:
        settings = Settings()
    except ValidationError as error:
        lines += [_error_line(details) for details in error.errors(include_input=False)]
        raise InvalidSettingsError("\n".join(lines)) from None
    if lines:
        raise InvalidSettingsError("\n".join(lines))
    return settings


def variable_name(name: str) -> str:
    """Return the environment variable of a setting."""
    return DATABASE if name == "database_url" else f"{PREFIX}{name}".upper()


def _error_line(error: ErrorDetails) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message
    setting = str(error["loc"][0])
    return f"{setting if setting == DATABASE else variable_name(setting)}: {message}"


def _unknown_setting_line(name: str, names: Mapping[str, str]) -> str:
    hint = did_you_mean(name.upper(), names)
    return f"{name}: unknown setting" + (f", {hint}" if hint else "")
