"""What all routes work with: settings, database, policies, decider, keys, clock, counters, log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from starlette.responses import Response
from starlette.types import Scope
from structlog.typing import FilteringBoundLogger

from api.catalogue import Catalogue
from api.in_flight import InFlight
from api.logs import make_log
from api.metrics import Metrics
from api.problems import INTERNAL_ERROR, Problem
from api.settings import Settings
from api.storage import open_database
from policy_service import Alarm, Decider, load_folder
from policy_service.clock import Clock
from policy_service.database import Database
from policy_service.identity.key_ring import KeyRing
from policy_service.identity.presence import Presence
from policy_service.identity.throttle import AddressLimit

if TYPE_CHECKING:
    from policy_service.identity.oidc import Provider


@dataclass(frozen=True, slots=True)
class Service:
    """One running service."""

    settings: Settings
    zone: ZoneInfo
    clock: Clock
    catalogue: Catalogue
    decider: Decider
    metrics: Metrics
    log: FilteringBoundLogger
    database: Database
    key_ring: KeyRing
    provider: Provider | None = None
    """The provider of identities, when one is set."""
    presence: Presence = field(default_factory=Presence)
    addresses: AddressLimit = field(default_factory=AddressLimit)
    in_flight: InFlight = field(default_factory=InFlight)

    def tell(self, problem: Problem, scope: Scope, **more: object) -> Response:
        """The answer to a request that is refused or failed; it is counted, and logged under its `instance`."""
        instance = f"urn:uuid:{self.clock.new_id()}"
        write = self.log.error if problem.kind is INTERNAL_ERROR else self.log.info
        path = scope["path"][:200]
        write("refused", problem=problem.kind.name, instance=instance, method=scope["method"], path=path, **more)
        self.metrics.refused(problem.kind.name)
        return problem.response(instance)


def open_service(settings: Settings, clock: Clock) -> Service:
    """Opens the database, loads the policies and makes them ready to decide.

    Raises NotInitialisedError, PolicyError when policies have faults, ValueError when there are none, EngineTrialError
    when the engine cannot be trusted with one of them.
    """
    log = make_log(settings.log_level)
    database = open_database(settings.database_url.get_secret_value())
    policies = load_folder(settings.policies)
    if not policies:
        raise ValueError(f"no policy below {settings.policies}: expected <domain>/<policy>/<version>.yaml")

    def alarm(seen: Alarm) -> None:
        log.error("engine alarm", policy=seen.policy, version=seen.version, reason=seen.reason)

    catalogue = Catalogue(policies)
    decider = Decider(
        catalogue.newest.values(), engine=settings.engine, shadow_every=settings.shadow_every, alarm=alarm
    )
    metrics, ring = Metrics(decider), KeyRing(database)
    provider = _provider(settings)
    return Service(settings, settings.zone, clock, catalogue, decider, metrics, log, database, ring, provider)


def _provider(settings: Settings) -> Provider | None:
    """The provider of identities that the settings name. Raises ValueError when what it needs is not installed."""
    issuer, secret = settings.oidc_issuer, settings.oidc_client_secret
    if issuer is None or secret is None or settings.oidc_client_id is None:
        return None
    try:
        from policy_service.identity.oidc import Client, Provider  # noqa: PLC0415  # only who wants it has the libraries
    except ImportError:
        raise ValueError("a provider of identities needs more libraries: install policy-service[oidc]") from None
    back = f"{settings.public_url}/v1/session/oidc/callback"
    return Provider(issuer, Client(settings.oidc_client_id, secret.get_secret_value(), back))
