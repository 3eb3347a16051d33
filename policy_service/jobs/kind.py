"""`JobKind`: what a kind of long work is, declared once for whoever starts it, and for its process.

    VERIFICATION: JobKind[NoParameters, LogVerdict] = JobKind(
        name="verification", title=Message("Verification of the log"), unit=Message("entries"), form=NoParameters,
        run=run_verification, limits=AUDITING,
    )

`run` is a function of a module: a worker finds it by its name, and calls it with a `JobContext` and the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session
from structlog.typing import FilteringBoundLogger

from policy_service.actor import Actor
from policy_service.audit.copies import Copy
from policy_service.audit.guard import start_guard
from policy_service.clock import Clock
from policy_service.database import Database
from policy_service.decisions.master_keys import MasterKeys
from policy_service.decisions.sealer import Sealer
from policy_service.decisions.service import DecisionService
from policy_service.decisions.subjects import FactCipher
from policy_service.messages import Message
from policy_service.settings import Settings
from policy_service.workers.kind import WorkKind
from policy_service.workers.pool import Workers
from policy_service.workers.progress import ProgressFile

Parameters = TypeVar("Parameters", bound=BaseModel)
Result = TypeVar("Result")
KEEP = timedelta(hours=24)
"""How long a job is kept after it ended, and its file with it."""


class JobService(Protocol):
    """What jobs ask of the service that they are done in."""

    @property
    def settings(self) -> Settings:
        """Where keys, checkpoints and files are."""
        ...

    @property
    def zone(self) -> ZoneInfo:
        """Where a day begins."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock."""
        ...

    @property
    def database(self) -> Database:
        """The database, which has the table of jobs."""
        ...

    @property
    def decisions(self) -> DecisionService:
        """Decides, and records what it decides."""
        ...

    @property
    def fact_cipher(self) -> FactCipher:
        """What encrypts facts at rest."""
        ...

    @property
    def sealer(self) -> Sealer:
        """Seals decision records."""
        ...

    @property
    def workers(self) -> Workers:
        """Where the work is done."""
        ...

    @property
    def log(self) -> FilteringBoundLogger:
        """The log of the service."""
        ...

    def work(self, kind: WorkKind, function: Callable[..., Any], *arguments: object) -> Coroutine[Any, Any, Any]:
        """Run a module's function in a worker, within the limits of its kind. Raises WorkRefused, and what it does."""
        ...


class NoParameters(BaseModel):
    """The form of a kind that is started by a button."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class JobContext:
    """The context of a job, in the process that runs it."""

    url: str
    keys: Path
    copies: Sequence[Copy]
    zone: ZoneInfo
    requested_by: str
    """The printed name of the account that started it."""
    clock: Clock
    started_at: datetime
    file: Path
    """Where the file goes, for a kind that makes one; it exists and is empty."""
    progress: ProgressFile

    @property
    def today(self) -> date:
        """The day on which the job was started."""
        return self.started_at.astimezone(self.zone).date()

    @property
    def cipher(self) -> FactCipher:
        """What encrypts facts at rest. Raises KeyFileError when it is used without the keys."""
        return FactCipher(MasterKeys(self.keys))

    @contextmanager
    def open_database(self) -> Iterator[Database]:
        """Open the database of the service, of whose rows only those are read that the log records."""
        with closing(Database(self.url, keys=self.keys)) as database:
            start_guard(database)
            yield database

    @property
    def folder(self) -> Path:
        """A folder that the job may make for its work; it is removed when the job has ended, however that was."""
        return self.file.with_name(f"{self.file.name}.work")


class InsideContext(NamedTuple):
    """The context of a job that is done in the process that decides."""

    service: JobService
    actor: Actor
    """Who started it."""
    stop: Event
    """Set when it is to end."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """The file of a kind: its name, with the instant of the start as `{at:%Y%m%d}`, and its media type."""

    name: str
    media_type: str


@dataclass(frozen=True, slots=True)
class JobKind(Generic[Parameters, Result]):
    """A kind of long work."""

    name: str
    """What programs start it by."""
    title: Message
    unit: Message
    """What is counted while it runs."""
    form: type[Parameters]
    run: Callable[[JobContext, Parameters], Any] | None = None
    """Does it, in a worker; gives the result, or what `finish` makes it of."""
    limits: WorkKind | None = None
    """How many workers do it, for how long, and what is said when it takes too much."""
    finish: Callable[[InsideContext, Parameters, Any], Result] | None = None
    """Takes what `run` returned in the process that decides, in a thread: for a kind that ends with a write."""
    settle: Callable[[JobService, Mapping[str, Any], str], None] | None = None
    """Puts right what a job that was not done left, from its parameters and why it was not."""
    run_inside: Callable[[JobContext, Parameters, InsideContext], Result] | None = None
    """Does it instead in the process that decides, in a thread: for a kind that records decisions."""
    file: FileKind | None = None
    keep: timedelta = KEEP
    alone: bool = True
    """Run one at a time, over all accounts."""
    shared: bool = False
    """Found by everyone who may start the kind, not only by the account that started it."""
    names_subjects: bool = False
    """Its result or its file names subjects: both are removed once one is erased."""
    checks: tuple[Callable[[Session, Any], Mapping[str, Message]], ...] = ()
    """Each finds what the database knows to be wrong with some parameters, by field; `""` for all of them."""
    prepare: Callable[[JobService], None] | None = None
    """Called before, in the process that decides."""
    result: type[Result] | None = None
    """The type of the result, a dataclass; None for one that is JSON."""
    describe: Callable[[Any], Any] = lambda data: data
    """Makes of the result what programs get, as JSON."""

    @property
    def is_resumed(self) -> bool:
        """True if what was done before a job was cancelled or interrupted stays, and another one goes on behind it."""
        return self.run_inside is not None

    def find_errors(self, session: Session, form: Parameters | SimpleNamespace) -> dict[str, Message]:
        """What the checks find, of a form or of its valid fields; a check that needs another field finds nothing."""
        errors: dict[str, Message] = {}
        for check in self.checks:
            try:
                errors.update(check(session, form))
            except AttributeError:
                if not isinstance(form, SimpleNamespace):
                    raise
        return errors


AnyKind = JobKind[Any, Any]
