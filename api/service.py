"""What all routes work with: the policies, the decider, the clock, the counters, the log."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from starlette.responses import Response
from starlette.types import Scope
from structlog.typing import FilteringBoundLogger

from api.catalogue import Catalogue
from api.logs import make_log
from api.metrics import Metrics
from api.problems import INTERNAL_ERROR, Problem
from api.settings import Settings
from policy_service import Alarm, Decider, load_folder
from policy_service.clock import Clock


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

    def tell(self, problem: Problem, scope: Scope, **more: object) -> Response:
        """The answer to a request that is refused or failed; it is counted, and logged under its `instance`."""
        instance = f"urn:uuid:{self.clock.new_id()}"
        write = self.log.error if problem.kind is INTERNAL_ERROR else self.log.info
        path = scope["path"][:200]
        write("refused", problem=problem.kind.name, instance=instance, method=scope["method"], path=path, **more)
        self.metrics.refused(problem.kind.name)
        return problem.response(instance)


def open_service(settings: Settings, clock: Clock) -> Service:
    """Loads the policies and makes them ready to decide.

    Raises PolicyError when they have faults, ValueError when there are none, EngineTrialError when the engine cannot be
    trusted with one of them.
    """
    log = make_log(settings.log_level)
    policies = load_folder(settings.policies)
    if not policies:
        raise ValueError(f"no policy below {settings.policies}: expected <domain>/<policy>/<version>.yaml")

    def alarm(seen: Alarm) -> None:
        log.error("engine alarm", policy=seen.policy, version=seen.version, reason=seen.reason)

    catalogue = Catalogue(policies)
    decider = Decider(
        catalogue.newest.values(), engine=settings.engine, shadow_every=settings.shadow_every, alarm=alarm
    )
    return Service(settings, settings.zone, clock, catalogue, decider, Metrics(decider), log)
