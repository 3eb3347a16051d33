"""Refusals: the message gives the reason, the class says what the caller can do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from policy_service.errors import ErrorKind, PolicyServiceError
from policy_service.messages import join_sentences, single_line


class OperationRejected(PolicyServiceError):
    """Nothing was done; `messages` say why, each one thing that stands against it."""

    kind: ClassVar[ErrorKind] = "conflict"

    def __init__(self, *messages: str) -> None:
        self.messages = messages
        super().__init__(*messages)

    def __str__(self) -> str:
        """Return all of them, each on a line of its own."""
        return self.messages[0] if len(self.messages) == 1 else "\n".join(self.messages)

    @property
    def message(self) -> str:
        """All of them, one after the other."""
        return join_sentences(self.messages)

    @property
    def detail(self) -> str:
        """All of them, on one line."""
        return single_line(self.message)

    @property
    def extensions(self) -> Mapping[str, object]:
        """Return the reasons, where the state of things is at fault."""
        return {"reasons": list(self.messages)} if self.kind == "conflict" else {}


class UnknownChange(OperationRejected):
    """No change or suspension has the identifier."""

    kind = "not-found"


class PermissionDenied(OperationRejected):
    """This person may not do this; another may."""

    kind = "not-allowed"


class InvalidState(OperationRejected):
    """Nobody can do this now, because of how far things are."""


class StaleChange(OperationRejected):
    """The caller saw another state of the change than there is now: read it again."""

    kind = "precondition-failed"


class ValidationFailed(OperationRejected):
    """The input is invalid: `messages` has all that is wrong with it.

    `diagnostics` are the faults of policy files, one object a text; `report` is the analysis report, if there is one.
    """

    kind = "change-unfit"

    def __init__(
        self,
        messages: Iterable[str],
        diagnostics: Iterable[dict[str, Any]] = (),
        report: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(*messages)
        self.diagnostics = tuple(diagnostics)
        self.report = report

    @property
    def extensions(self) -> Mapping[str, object]:
        """Return the reasons, the diagnostics and the report, as far as there are any."""
        members = {"reasons": list(self.messages), "diagnostics": list(self.diagnostics), "report": self.report}
        return {name: value for name, value in members.items() if value}

    def __reduce__(self) -> tuple[Any, ...]:
        return ValidationFailed, (self.messages, self.diagnostics, self.report)
