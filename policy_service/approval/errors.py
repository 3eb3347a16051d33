"""Why something was not done: each refusal is a sentence; its kind says what the caller can do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policy_service.messages import join_sentences


class OperationRejected(Exception):
    """Nothing was done; `messages` say why, each one thing that stands against it."""

    def __init__(self, *messages: str) -> None:
        self.messages = messages
        super().__init__(*messages)

    def __str__(self) -> str:
        """All of them, each on a line of its own."""
        return self.messages[0] if len(self.messages) == 1 else "\n".join(self.messages)

    @property
    def message(self) -> str:
        """All of them, one after the other."""
        return join_sentences(self.messages)


class UnknownChange(OperationRejected):
    """There is no such change or suspension."""


class PermissionDenied(OperationRejected):
    """This person may not do this; another may."""


class InvalidState(OperationRejected):
    """Nobody can do this now, because of how far things are."""


class StaleChange(OperationRejected):
    """The caller saw another state of the change than there is now: read it again."""


class ValidationFailed(OperationRejected):
    """What was given cannot be accepted: `messages` tell everything that is wrong.

    `diagnostics` are the faults of policy files, one object a text; `report` is the analysis report, if there is one.
    """

    def __init__(
        self,
        messages: Iterable[str],
        diagnostics: Iterable[dict[str, Any]] = (),
        report: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(*messages)
        self.diagnostics = tuple(diagnostics)
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        return ValidationFailed, (self.messages, self.diagnostics, self.report)
