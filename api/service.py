"""What all routes work with: settings, database, policies, decisions, keys, clock, counters, log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn, cast
from zoneinfo import ZoneInfo

from starlette.responses import Response
from starlette.types import Scope
from structlog.typing import FilteringBoundLogger

from api.alarms import Alarms
from api.catalogue import Catalogue
from api.in_flight import InFlight
from api.interpreter import settle
from api.logs import make_log
from api.loop_watch import LoopWatch
from api.metrics import Metrics
from api.permissions import ASKER, NO_ROW, PERMISSIONS, ROW, route_of
from api.problems import INTERNAL_ERROR, Problem
from api.settings import Settings
from api.storage import NotInitialisedError, NotSoundError, edited_files, open_database, open_keys, refuse_unsound
from api.work import BUILDING, seconds_of
from api.workers import SHARED, InThisProcess, WorkerDied, Workers
from policy_service import Alarm, Decider
from policy_service.audit import guard
from policy_service.clock import Clock
from policy_service.damaged import DamagedRecord
from policy_service.database import Database, DatabaseUnavailable
from policy_service.decisions.building import NotBuilt, build
from policy_service.decisions.decision import EngineName
from policy_service.decisions.desk import Decisions, open_decisions
from policy_service.decisions.in_force import NotReady
from policy_service.decisions.seals import Sealer
from policy_service.decisions.subjects import Secrets
from policy_service.errors import CannotServe
from policy_service.identity.key_ring import KeyRing
from policy_service.identity.presence import Presence
from policy_service.places import advice
from policy_service.registry.service import UnknownVersion
from policy_service.regulations.regulation import Regulation, load_regulations
from policy_service.sentences import Sentence

if TYPE_CHECKING:
    from policy_service.decisions.building import Build
    from policy_service.identity.oidc import Provider


@dataclass(frozen=True, slots=True)
class Service:
    """One running service."""

    settings: Settings
    zone: ZoneInfo
    clock: Clock
    catalogue: Catalogue
    decisions: Decisions
    secrets: Secrets
    sealer: Sealer
    metrics: Metrics
    log: FilteringBoundLogger
    database: Database
    key_ring: KeyRing
    alarms: Alarms
    now: Callable[[], datetime]
    """The present instant; never before what decides came into force, though the clock may go back."""
    workers: Workers
    """Where long work is done."""
    loop_watch: LoopWatch
    regulations: tuple[Regulation, ...]
    """The regulations that stand beside the policy files, as read at the start."""
    edited: tuple[str, ...] = ()
    """A sentence for every policy file that was edited after it was submitted, as seen at the start."""
    provider: Provider | None = None
    """The provider of identities, when one is set."""
    presence: Presence = field(default_factory=Presence)
    in_flight: InFlight = field(default_factory=InFlight)

    @property
    def advice(self) -> list[Sentence]:
        """What lies beside the database and had better lie elsewhere."""
        return advice(self.database.file, self.settings.keys, self.settings.places)

    @property
    def decider(self) -> Decider:
        """What decides, by the versions in force."""
        return self.decisions.in_force.decider

    def tell(self, problem: Problem, scope: Scope, **more: object) -> Response:
        """The answer to a request that is refused or failed; it is counted, and logged under its `instance`."""
        return problem.response(self.note(problem, scope, **more))

    def note(self, problem: Problem, scope: Scope, **more: object) -> str:
        """Counts and logs what is refused or failed; gives the name of this occurrence."""
        return self._note(problem, route=route_of(scope), **_who(problem, scope), **more)

    def _note(self, problem: Problem, **more: object) -> str:
        instance = f"urn:uuid:{self.clock.new_id()}"
        write = self.log.error if problem.kind is INTERNAL_ERROR else self.log.info
        write("refused", problem=problem.kind.name, instance=instance, **more)
        self.metrics.refused(problem.kind.name)
        return instance

    def refuse_connection(self, problem: Problem, address: str | None) -> Response:
        """The answer to what is no request, or none yet; it is counted, and logged with the client's address."""
        return problem.response(self._note(problem, client=address))

    def close(self) -> None:
        """Records what waits, seals it, and gives everything back, in this order."""
        self.decisions.close()
        self.sealer.close()
        self.database.close()


def _who(problem: Problem, scope: Scope) -> dict[str, object]:
    """Who asked for what they may not do, for the log: their account or key, and which roles may."""
    asker = scope.get("state", {}).get(ASKER)
    if problem.kind.status != HTTPStatus.FORBIDDEN or asker is None:
        return {}
    access = PERMISSIONS.get(scope.get(ROW, NO_ROW))
    needs = sorted(access.roles) if access else []
    return {"actor": asker.actor.name, "means": asker.means, "roles": sorted(asker.actor.roles), "needs": needs}


def open_service(settings: Settings, clock: Clock, workers: Workers = SHARED) -> Service:
    """Opens the database, looks whether it is sound, and makes the versions in force ready to decide.

    Raises NotInitialisedError, NotSoundError, CannotServe when the versions in force cannot decide, and ValueError.
    """
    log = make_log(settings.log_level)
    provider = _provider(settings)
    database = open_database(settings.database_url.get_secret_value(), settings.keys)
    with ExitStack() as undo:
        undo.callback(database.close)
        try:
            service = _open(settings, clock, workers, log, database, provider)
        except NotReady as error:
            raise CannotServe(str(error)) from error
        except (DamagedRecord, UnknownVersion) as error:
            raise NotSoundError(str(error)) from error
        except DatabaseUnavailable as error:
            raise NotInitialisedError(str(error)) from error
        undo.pop_all()
    for sentence in service.edited:
        log.error("policy file edited", sentence=sentence)
    for sentence in service.advice:
        log.warning("kept_beside_the_database", sentence=sentence)
    return service


def _open(  # noqa: PLR0913, PLR0917  # what a service is made of
    settings: Settings,
    clock: Clock,
    workers: Workers,
    log: FilteringBoundLogger,
    database: Database,
    provider: Provider | None,
) -> Service:
    secrets = Secrets(open_keys(database, settings))
    guard.begin(database)
    refuse_unsound(database, settings)

    alarms = Alarms(clock)

    def alarm(seen: Alarm) -> None:
        alarms.add("engine", f"{seen.policy} {seen.version}", seen.reason)
        log.error("engine alarm", policy=seen.policy, version=seen.version, reason=seen.reason)

    def unsealed(reason: str) -> None:
        alarms.add("sealing", "", reason)
        log.error("not sealed", reason=reason)

    decisions = open_decisions(
        database,
        clock,
        settings.zone,
        secrets,
        engine=settings.engine,
        shadow_every=settings.shadow_every,
        alarm=alarm,
        build=_builder(workers, settings),
        changed=settle,
    )
    metrics = Metrics(decisions.in_force.decider)
    sealer = Sealer(database, clock, settings.keys, copies=settings.copies, alarm=unsealed)
    metrics.watch_log(sealer.comparison)
    return Service(
        settings=settings,
        zone=settings.zone,
        clock=clock,
        catalogue=Catalogue(),
        decisions=decisions,
        secrets=secrets,
        sealer=sealer,
        metrics=metrics,
        log=log,
        database=database,
        key_ring=KeyRing(database),
        alarms=alarms,
        now=decisions.in_force.now,
        workers=workers,
        loop_watch=LoopWatch(metrics, log, settings.event_loop_milliseconds / 1_000),
        regulations=load_regulations(settings.policies),
        edited=edited_files(database, settings.policies),
        provider=provider,
    )


def _builder(workers: Workers, settings: Settings) -> Build:
    """Builds in a worker what comes into force."""
    seconds = seconds_of(BUILDING, settings)

    def build_elsewhere(contents: Sequence[bytes], engine: EngineName) -> Sequence[bytes]:
        try:
            return workers.of(BUILDING).call(seconds, build, contents, engine)
        except TimeoutError:
            raise NotBuilt(BUILDING.too_long(seconds)) from None
        except (WorkerDied, MemoryError):
            raise NotBuilt(BUILDING.too_large(seconds)) from None

    return build_elsewhere


class _Elsewhere:
    """Stands for what only the process that decides has; to ask it for anything is a fault."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(f"`{name}` is in the process that decides, and this one only reads")


def open_reader(settings: Settings, clock: Clock) -> Service:
    """The service as a process has it that only reads: it decides, seals and writes nothing.

    Raises NotInitialisedError, DatabaseUnavailable.
    """
    database, nothing = Database(settings.database_url.get_secret_value(), keys=settings.keys), _Elsewhere()
    guard.begin(database)
    return Service(
        settings=settings,
        zone=settings.zone,
        clock=clock,
        catalogue=Catalogue(),
        decisions=cast("Decisions", nothing),
        secrets=Secrets(open_keys(database, settings)),
        sealer=cast("Sealer", nothing),
        metrics=cast("Metrics", nothing),
        log=make_log(settings.log_level),
        database=database,
        key_ring=KeyRing(database),
        alarms=cast("Alarms", nothing),
        now=clock.now,
        workers=InThisProcess(),
        loop_watch=cast("LoopWatch", nothing),
        regulations=load_regulations(settings.policies),
        provider=_provider(settings),
    )


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
