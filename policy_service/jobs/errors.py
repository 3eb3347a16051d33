"""Exceptions of jobs."""

from __future__ import annotations

from policy_service.errors import PolicyServiceError


class TooManyJobs(PolicyServiceError):
    """The job is not started: the account has too many running, or the kind runs one at a time."""

    kind = "busy"
    retry_seconds = 10
