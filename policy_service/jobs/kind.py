"""`JobKind`: the declaration of a kind of long work, for the process that starts it and the worker that runs it.

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
"""How long an ended job and its file are retained."""


class JobService(Protocol):
    """The parts of the service that jobs use."""

    @property
    def settings(self) -> Settings:
        """The settings: folders of keys, checkpoints and files."""
        ...

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which days begin."""
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
        """The service that decides and records."""
        ...

    @property
    def fact_cipher(self) -> FactCipher:
        """The cipher of sensitive facts."""
        ...

    @property
    def sealer(self) -> Sealer:
        """Seals decision records."""
        ...

    @property
    def workers(self) -> Workers:
        """The workers that run the jobs."""
        ...

    @property
    def log(self) -> FilteringBoundLogger:
        """The log of the service."""
        ...

    def work(self, kind: WorkKind, function: Callable[..., Any], *arguments: object) -> Coroutine[Any, Any, Any]:
        """Run a module's function in a worker, within the limits of its kind.

        Raises WorkRefused, and what it raises.
        """
        ...


class NoParameters(BaseModel):
    """The form of a kind without parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class JobContext:
    """The context of a job in the worker that runs it."""

    url: str
    keys: Path
    copies: Sequence[Copy]
    zone: ZoneInfo
    requested_by: str
    """The printed name of the account that started it."""
    clock: Clock
    started_at: datetime
    file: Path
    """The path of the file, for a kind that makes one; the file exists and is empty."""
    progress: ProgressFile

    @property
    def today(self) -> date:
        """The day on which the job was started."""
        return self.started_at.astimezone(self.zone).date()

    @property
    def cipher(self) -> FactCipher:
        """Return the cipher of sensitive facts. Using it raises KeyFileError if the keys are missing."""
        return FactCipher(MasterKeys(self.keys))

    @contextmanager
    def open_database(self) -> Iterator[Database]:
        """Open the service's database, restricted to rows that the log records."""
        with closing(Database(self.url, keys=self.keys)) as database:
            start_guard(database)
            yield database

    @property
    def folder(self) -> Path:
        """The path of a folder for the job's work, which the job may create; removed when the job ends."""
        return self.file.with_name(f"{self.file.name}.work")


class InsideContext(NamedTuple):
    """The context of a job that runs in the service process."""

    service: JobService
    actor: Actor
    """The actor who started it."""
    stop: Event
    """Set to request cancellation."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """The file of a kind: its name, with the start time as `{at:%Y%m%d}`, and its media type."""

    name: str
    media_type: str


@dataclass(frozen=True, slots=True)
class JobKind(Generic[Parameters, Result]):
    """A kind of long work."""

    name: str
    """The name in the API."""
    title: Message
    unit: Message
    """The unit of its progress."""
    form: type[Parameters]
    run: Callable[[JobContext, Parameters], Any] | None = None
    """The function that runs in a worker; returns the result, or the input of `finish`."""
    limits: WorkKind | None = None
    """The number of workers, time limit and messages."""
    finish: Callable[[InsideContext, Parameters, Any], Result] | None = None
    """Turns what `run` returned into the result; runs in a thread of the service process, for kinds that end with a
    write.
    """
    settle: Callable[[JobService, Mapping[str, Any], str], None] | None = None
    """Cleans up after an unfinished job, given its parameters and the reason."""
    run_inside: Callable[[JobContext, Parameters, InsideContext], Result] | None = None
    """Replaces `run` in a thread of the service process, for kinds that record decisions."""
    file: FileKind | None = None
    keep: timedelta = KEEP
    alone: bool = True
    """True if only one such job may run, over all accounts."""
    shared: bool = False
    """True if every account that may start the kind sees its jobs; otherwise only the account that started one."""
    names_subjects: bool = False
    """True if the result or file names subjects: both are removed after an erasure."""
    checks: tuple[Callable[[Session, Any], Mapping[str, Message]], ...] = ()
    """Each returns errors of some parameters that need the database, by field; `""` for the whole form."""
    prepare: Callable[[JobService], None] | None = None
    """Called before the job, in the service process."""
    result: type[Result] | None = None
    """The type of the result, a dataclass; None for plain JSON."""
    describe: Callable[[Any], Any] = lambda data: data
    """Converts the result to the JSON of the API."""

    @property
    def is_resumed(self) -> bool:
        """True if a cancelled or interrupted job's results remain, and another job continues from them."""
        return self.run_inside is not None

    def find_errors(self, session: Session, form: Parameters | SimpleNamespace) -> dict[str, Message]:
        """Return the errors found by the checks, of a form or its valid fields.

        Checks that lack a field are skipped.
        """
        errors: dict[str, Message] = {}
        for check in self.checks:
            try:
                errors.update(check(session, form))
            except AttributeError:
                if not isinstance(form, SimpleNamespace):
                    raise
        return errors


AnyKind = JobKind[Any, Any]
