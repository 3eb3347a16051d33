"""Why something was not done: each refusal is a sentence; its kind says what the caller can do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policy_service.sentences import together


class Refused(Exception):
    """Nothing was done; `sentences` say why, each one thing that stands against it."""

    def __init__(self, *sentences: str) -> None:
        self.sentences = sentences
        super().__init__(*sentences)

    def __str__(self) -> str:
        """All of them, each on a line of its own."""
        return self.sentences[0] if len(self.sentences) == 1 else "\n".join(self.sentences)

    @property
    def sentence(self) -> str:
        """All of them, one after the other."""
        return together(self.sentences)


class UnknownChange(Refused):
    """There is no such change or suspension."""


class Forbidden(Refused):
    """This person may not do this; another may."""


class OutOfState(Refused):
    """Nobody can do this now, because of how far things are."""


class Stale(Refused):
    """The caller saw another state of the change than there is now: read it again."""


class Unfit(Refused):
    """What was given cannot be accepted: `sentences` tell everything that is wrong.

    `diagnostics` are the faults of policy files, one object a text; `report` is the analysis report, if there is one.
    """

    def __init__(
        self,
        sentences: Iterable[str],
        diagnostics: Iterable[dict[str, Any]] = (),
        report: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(*sentences)
        self.diagnostics = tuple(diagnostics)
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        return Unfit, (self.sentences, self.diagnostics, self.report)
