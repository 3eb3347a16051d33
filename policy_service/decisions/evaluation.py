"""A question about a subject, and the decision that was made on it, before it is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from policy_service.decisions.decision import Decision
from policy_service.decisions.override import Override
from policy_service.decisions.previous import PreviousByPolicy
from policy_service.decisions.window import PolicyStop
from policy_service.subject import Subject


class Question(NamedTuple):
    """A request for a decision about a subject."""

    subject: Subject
    facts: Mapping[str, object]
    as_of: date
    policies: Sequence[str] | None = None
    explain: bool = False
    corrects: str | None = None
    """The decision that was made on wrong facts."""


class Evaluation(NamedTuple):
    """A decision, and what it was made by."""

    question: Question
    decision: Decision
    requested: Sequence[str]
    digests: Mapping[str, str]
    stops: Mapping[str, PolicyStop]
    overrides: Mapping[str, Override]
    previous: PreviousByPolicy
    """The last outcomes of the subject by every policy that reads them, also where there were none."""
