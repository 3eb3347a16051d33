"""Exceptions of the approval: the message gives the reason, the class tells the caller how to react."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from policy_service.errors import ErrorKind, PolicyServiceError
from policy_service.messages import join_sentences, single_line


class OperationRejected(PolicyServiceError):
    """Nothing was done; each message is one reason."""

    kind: ClassVar[ErrorKind] = "conflict"

    def __init__(self, *messages: str) -> None:
        self.messages = messages
        super().__init__(*messages)

    def __str__(self) -> str:
        """Return all messages, one per line."""
        return self.messages[0] if len(self.messages) == 1 else "\n".join(self.messages)

    @property
    def message(self) -> str:
        """All messages, joined."""
        return join_sentences(self.messages)

    @property
    def detail(self) -> str:
        """All messages, on one line."""
        return single_line(self.message)

    @property
    def extensions(self) -> Mapping[str, object]:
        """Return the reasons, if the current state is the cause."""
        return {"reasons": list(self.messages)} if self.kind == "conflict" else {}


class UnknownChange(OperationRejected):
    """No change or suspension has the identifier."""

    kind = "not-found"


class PermissionDenied(OperationRejected):
    """This person lacks the permission; another may have it."""

    kind = "not-allowed"


class InvalidState(OperationRejected):
    """The current state does not allow this to any actor."""


class StaleChange(OperationRejected):
    """The change was modified since the caller read it: read it again."""

    kind = "precondition-failed"


class ValidationFailed(OperationRejected):
    """The input is invalid: `messages` has all errors.

    `diagnostics` are the errors of policy files, one object per text; `report` is the analysis report, if there is one.
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
        """Return the reasons, and the diagnostics and report if there are any."""
        members = {"reasons": list(self.messages), "diagnostics": list(self.diagnostics), "report": self.report}
        return {name: value for name, value in members.items() if value}
