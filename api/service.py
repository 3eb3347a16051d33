"""The service shared by all routes: settings, database, policies, decisions, keys, clock, metrics, log."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast
from zoneinfo import ZoneInfo

from starlette.responses import Response
from starlette.types import Scope
from structlog.typing import FilteringBoundLogger

from api.auth.permissions import NO_ROW, PERMISSIONS, PRINCIPAL, ROW, route_of
from api.web.problems import INTERNAL_ERROR, Problem
from policy_service import Alarm, Decider
from policy_service.audit import guard
from policy_service.clock import Clock
from policy_service.condition import Condition, read_condition
from policy_service.database import Database, DatabaseUnavailable
from policy_service.decisions.alarms import Alarms
from policy_service.decisions.sealer import Sealer, run_in
from policy_service.decisions.service import DecisionService, open_decision_service
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.version_build import build_in_worker
from policy_service.identity.key_ring import KeyRing
from policy_service.identity.last_used import LastUsed
from policy_service.in_flight import InFlight
from policy_service.messages import Message
from policy_service.metrics import Metrics
from policy_service.paths import separation_warnings
from policy_service.registry.catalogue import Catalogue
from policy_service.regulations.regulation import Regulation, load_regulations
from policy_service.service_log import make_log
from policy_service.settings import Settings
from policy_service.start_check import (
    check_soundness,
    edited_files,
    open_database,
    open_keys,
    startup_errors,
)
from policy_service.workers.interpreter import freeze_loaded_objects
from policy_service.workers.kind import WorkKind
from policy_service.workers.kinds import time_limit
from policy_service.workers.loop_watch import LoopWatch
from policy_service.workers.pool import SHARED, InlineWorkers, Workers

if TYPE_CHECKING:
    from policy_service.identity.oidc import Provider


Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Service:
    """One running service."""

    settings: Settings
    zone: ZoneInfo
    clock: Clock
    catalogue: Catalogue
    decisions: DecisionService
    fact_cipher: FactCipher
    sealer: Sealer
    metrics: Metrics
    log: FilteringBoundLogger
    database: Database
    key_ring: KeyRing
    alarms: Alarms
    now: Callable[[], datetime]
    """The present instant; never before what decides came into force, though the clock may go back."""
    workers: Workers
    """The workers for long work."""
    loop_watch: LoopWatch
    regulations: tuple[Regulation, ...]
    """The regulations in the folder of policies, as loaded at the start."""
    edited_files: tuple[str, ...] = ()
    """A message for each policy file edited after it was submitted, as found at the start."""
    file_faults: list[str] = field(default_factory=list)
    """A message for each fault of a large database's file, which is checked after the start."""
    provider: Provider | None = None
    """The identity provider, if configured."""
    last_used: LastUsed = field(default_factory=LastUsed)
    in_flight: InFlight = field(default_factory=InFlight)

    @property
    def advice(self) -> list[Message]:
        """Return the warnings about files beside the database that should be stored elsewhere."""
        return separation_warnings(self.database.file, self.settings.keys, self.settings.checkpoint_locations)

    def condition(self, last_write: datetime | DatabaseUnavailable | None) -> Condition:
        """Return the condition: whether the service can record, and all problems that need attention."""
        files = {"edited_files": self.edited_files, "file_faults": self.file_faults}
        return read_condition(self.decisions, self.sealer, self.database, self.clock, last_write=last_write, **files)

    @property
    def decider(self) -> Decider:
        """The decider with the versions in force."""
        return self.decisions.in_force.decider

    async def work(self, kind: WorkKind, function: Callable[..., Result], *arguments: object) -> Result:
        """Run a module's function in a worker, within the limits of its kind. Raises WorkRefused, and what it does."""
        return await self.workers.pool(kind).run(
            time_limit(kind, self.settings.policy_check_seconds), function, *arguments
        )

    def render_problem(self, problem: Problem, scope: Scope, **log_fields: object) -> Response:
        """Return the answer to a rejected or failed request; it is counted, and logged under its `instance`."""
        return problem.response(self.log_problem(problem, scope, **log_fields))

    def log_problem(self, problem: Problem, scope: Scope, **log_fields: object) -> str:
        """Count and log a rejection or failure; return the identifier of this occurrence."""
        return self._log_problem(problem, route=route_of(scope), **_caller_fields(problem, scope), **log_fields)

    def _log_problem(self, problem: Problem, **log_fields: object) -> str:
        instance = f"urn:uuid:{self.clock.new_id()}"
        log = self.log.error if problem.kind is INTERNAL_ERROR else self.log.info
        log("request_rejected", problem=problem.kind.name, instance=instance, **log_fields)
        self.metrics.count_problem(problem.kind.name)
        return instance

    def render_connection_problem(self, problem: Problem, address: str | None) -> Response:
        """Return the answer to input that is no request; it is counted, and logged with the client's address."""
        return problem.response(self._log_problem(problem, client=address))

    def close(self) -> None:
        """Record what waits, seal it, and release all resources, in this order."""
        self.decisions.close()
        self.sealer.close()
        self.database.close()


def _caller_fields(problem: Problem, scope: Scope) -> dict[str, object]:
    """Return the log fields of a rejected caller: the account or key, and the permitted roles."""
    principal = scope.get("state", {}).get(PRINCIPAL)
    if problem.kind.status != HTTPStatus.FORBIDDEN or principal is None:
        return {}
    access = PERMISSIONS.get(scope.get(ROW, NO_ROW))
    needs = sorted(access.roles) if access else []
    return {
        "actor": principal.actor.name,
        "means": principal.credential,
        "roles": sorted(principal.actor.roles),
        "needs": needs,
    }


def open_service(settings: Settings, clock: Clock, workers: Workers = SHARED) -> Service:
    """Open the database, check that it is sound, and build the versions in force.

    Raises NotInitialisedError, NotSoundError, StartupError if the versions in force cannot decide, and ValueError.
    """
    log = make_log(settings.log_level)
    provider = _provider(settings)
    database = open_database(settings.database_url.get_secret_value(), settings.keys)
    with ExitStack() as undo, startup_errors():
        undo.callback(database.close)
        service = _open(settings, clock, workers, log, database, provider)
        undo.pop_all()
    for sentence in service.edited_files:
        log.error("policy_file_edited", message=sentence)
    for sentence in guard.unused_rows(database):
        log.error("row_not_used", message=sentence)
    for sentence in service.advice:
        log.warning("stored_beside_database", message=sentence)
    return service


def _open(  # noqa: PLR0913, PLR0917  # what a service is made of
    settings: Settings,
    clock: Clock,
    workers: Workers,
    log: FilteringBoundLogger,
    database: Database,
    provider: Provider | None,
) -> Service:
    fact_cipher = FactCipher(open_keys(database, settings.keys))
    guard.start_guard(database)
    check_soundness(database, settings.keys, settings.copies)

    alarms = Alarms(clock)

    def on_engine_alarm(engine_alarm: Alarm) -> None:
        alarms.add("engine", f"{engine_alarm.policy} {engine_alarm.version}", engine_alarm.reason)
        log.error("engine_alarm", policy=engine_alarm.policy, version=engine_alarm.version, reason=engine_alarm.reason)

    def on_seal_failure(reason: str) -> None:
        alarms.add("sealing", "", reason)
        log.error("block_seal_failed", reason=reason)

    decisions = open_decision_service(
        database,
        clock,
        settings.zone,
        fact_cipher,
        engine=settings.engine,
        shadow_every=settings.shadow_every,
        on_alarm=on_engine_alarm,
        build=partial(build_in_worker, workers, settings.policy_check_seconds),
        on_change=freeze_loaded_objects,
    )
    metrics = Metrics(decisions.in_force.decider)
    sealer = Sealer(
        *(database, clock, settings.keys),
        copies=settings.copies,
        run_work=run_in(workers),
        on_alarm=on_seal_failure,
    )
    metrics.watch_log(sealer.comparison)

    def on_blocked(route: str, seconds: float) -> None:
        metrics.count_blocked_step(route, seconds)
        log.warning("event_loop_blocked", route=route, seconds=round(seconds, 4))

    return Service(
        settings=settings,
        zone=settings.zone,
        clock=clock,
        catalogue=Catalogue(),
        decisions=decisions,
        fact_cipher=fact_cipher,
        sealer=sealer,
        metrics=metrics,
        log=log,
        database=database,
        key_ring=KeyRing(database),
        alarms=alarms,
        now=decisions.in_force.now,
        workers=workers,
        loop_watch=LoopWatch(settings.event_loop_milliseconds / 1_000, on_blocked, metrics.observe_lag),
        regulations=load_regulations(settings.policies),
        edited_files=edited_files(database, settings.policies),
        provider=provider,
    )


class _Unavailable:
    """Stands for objects that only the deciding process has; any access is a bug."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(f"`{name}` is in the process that decides, and this one only reads")


def open_reader(settings: Settings, clock: Clock) -> Service:
    """Return the service for a process that only reads: it never decides, seals or writes."""
    database, unavailable = Database(settings.database_url.get_secret_value(), keys=settings.keys), _Unavailable()
    guard.start_guard(database)
    return Service(
        settings=settings,
        zone=settings.zone,
        clock=clock,
        catalogue=Catalogue(),
        decisions=cast("DecisionService", unavailable),
        fact_cipher=FactCipher(open_keys(database, settings.keys)),
        sealer=cast("Sealer", unavailable),
        metrics=cast("Metrics", unavailable),
        log=make_log(settings.log_level),
        database=database,
        key_ring=KeyRing(database),
        alarms=cast("Alarms", unavailable),
        now=clock.now,
        workers=InlineWorkers(),
        loop_watch=cast("LoopWatch", unavailable),
        regulations=load_regulations(settings.policies),
        provider=_provider(settings),
    )


def _provider(settings: Settings) -> Provider | None:
    """Return the identity provider of the settings. Raises ValueError if its packages are not installed."""
    issuer, secret = settings.oidc_issuer, settings.oidc_client_secret
    if issuer is None or secret is None or settings.oidc_client_id is None:
        return None
    try:
        from policy_service.identity.oidc import Client, Provider  # noqa: PLC0415  # only who wants it has the libraries
    except ImportError:
        raise ValueError("an identity provider needs more libraries: install policy-service[oidc]") from None
    callback_url = f"{settings.public_url}/v1/session/oidc/callback"
    return Provider(issuer, Client(settings.oidc_client_id, secret.get_secret_value(), callback_url))
