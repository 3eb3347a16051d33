"""The shapes of what is answered about jobs."""

from datetime import datetime
from typing import Any

from api.web.schemas import Model
from policy_service.jobs.model import JobState


class JobFileModel(Model):
    """The file of a job that is done: `GET /v1/jobs/{job}/file`."""

    name: str
    size: int


class JobProblemModel(Model):
    """The failure of a job."""

    type: str
    detail: str


class JobModel(Model):
    """A job: how far it is, and what came of it."""

    id: str
    kind: str
    state: JobState
    parameters: dict[str, Any]
    started_at: datetime
    ended_at: datetime | None
    completed: int
    total: int | None
    """How much there is to do; null while that is not known."""
    result: Any = None
    file: JobFileModel | None
    problem: JobProblemModel | None


class JobPage(Model):
    """Jobs that the account started, without their results."""

    items: list[JobModel]
    next_cursor: str | None
