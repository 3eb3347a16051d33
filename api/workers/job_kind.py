"""`JobKind`: what a kind of long work is, declared once for its pages, its REST address and its process.

    VERIFICATION: JobKind[NoParameters, LogVerdict] = JobKind(
        name="verification", title=Message("Verification of the log"), unit=Message("entries"), form=NoParameters,
        run=run_verification, template="audit/verification.html", limits=AUDITING,
    )

`run` is a function of a module: a worker finds it by its name, and calls it with a `JobContext` and the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session

from api.service import Service
from policy_service.actor import Actor
from policy_service.audit.copies import Copy
from policy_service.audit.guard import start_guard
from policy_service.clock import Clock
from policy_service.database import Database
from policy_service.decisions.master_keys import MasterKeys
from policy_service.decisions.subjects import FactCipher
from policy_service.messages import Message
from policy_service.workers.kind import WorkKind
from policy_service.workers.progress import ProgressFile

Parameters = TypeVar("Parameters", bound=BaseModel)
Result = TypeVar("Result")
KEEP = timedelta(hours=24)
"""How long a job is kept after it ended, and its file with it."""


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

    service: Service
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
    """The end of `/v1/jobs/NAME`; its row in the table of permissions says who may start it."""
    title: Message
    unit: Message
    """What is counted while it runs."""
    form: type[Parameters]
    template: str
    """Extends `jobs/job.html` by the result."""
    run: Callable[[JobContext, Parameters], Any] | None = None
    """Does it, in a worker; gives the result, or what `finish` makes it of."""
    limits: WorkKind | None = None
    """How many workers do it, for how long, and what is said when it takes too much."""
    finish: Callable[[InsideContext, Parameters, Any], Result] | None = None
    """Takes what `run` returned in the process that decides, in a thread: for a kind that ends with a write."""
    settle: Callable[[Service, Mapping[str, Any], str], None] | None = None
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
    prepare: Callable[[Service], None] | None = None
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
