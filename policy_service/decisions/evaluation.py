"""A question about a subject, and the decision made on it, before it is recorded."""

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
    """The identifier of the decision made on wrong facts."""


class Evaluation(NamedTuple):
    """A decision, and the versions, overrides and previous outcomes it was made with."""

    question: Question
    decision: Decision
    requested: Sequence[str]
    digests: Mapping[str, str]
    stops: Mapping[str, PolicyStop]
    overrides: Mapping[str, Override]
    previous: PreviousByPolicy
    """The subject's previous outcomes by every policy that reads them; empty where there were none."""
