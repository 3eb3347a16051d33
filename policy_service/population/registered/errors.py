"""Exceptions of registered populations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policy_service.errors import PolicyServiceError
from policy_service.messages import Message, join_semicolon


class UnknownPopulation(PolicyServiceError):
    """There is no such population, or no longer."""

    kind = "not-found"


class RegistrationRejected(PolicyServiceError):
    """A file cannot be registered: `problems` has every reason."""

    kind = "request-refused"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(Message("The file was not registered: {why}.", why=join_semicolon(problems)))

    @property
    def extensions(self) -> Mapping[str, object]:
        """Return every reason."""
        return {"reasons": list(self.problems)}


class RegistrationConflict(PolicyServiceError):
    """The name is taken, or the maximum number of populations is reached."""

    kind = "conflict"
