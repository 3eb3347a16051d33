"""Why something was not done: each refusal is a sentence; its kind says what the caller can do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Refused(Exception):
    """Nothing was done; the sentence says why."""


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
        self.sentences = tuple(sentences)
        self.diagnostics = tuple(diagnostics)
        self.report = report
        super().__init__("\n".join(self.sentences))
