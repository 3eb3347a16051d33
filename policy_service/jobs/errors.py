"""Exceptions of jobs."""

from __future__ import annotations

from policy_service.errors import PolicyServiceError
from policy_service.messages import Message


class TooManyJobs(PolicyServiceError):
    """The job was not started: the account has too many running, or the kind runs one at a time."""

    kind = "busy"
    retry_seconds = 10


class FileElsewhere(PolicyServiceError):
    """The file of a finished job is not in the folder of this process."""

    kind = "not-found"

    def __init__(self) -> None:
        super().__init__(
            Message(
                "The file was removed, or lies in the folder of another process: all processes of one database must "
                "share `POLICY_SERVICE_JOBS`. Start the job again."
            )
        )


class FileExpired(PolicyServiceError):
    """A job has no file, or no longer."""

    kind = "not-found"

    def __init__(self) -> None:
        super().__init__(Message("This file has expired. Start the job again."))
