"""Subjects' own previous outcomes, from group lists, as columns of a population of decision records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import product
from typing import Any

from sqlmodel import Session

from policy_service.decisions.groups.model import Place
from policy_service.decisions.groups.previous import list_previous
from policy_service.decisions.previous import PreviousSlot, previous_slots
from policy_service.language.policy import Policy
from policy_service.language.types import format_value
from policy_service.population.errors import PopulationRejected
from policy_service.subject import Subject


class PreviousFacts:
    """The facts of policies about one kind of subject that are their own previous outcomes."""

    def __init__(self, policies: Iterable[Policy], kind: str) -> None:
        """Raises PopulationRejected if a column would be the previous outcome of two policies."""
        self._slots: dict[str, list[tuple[str, PreviousSlot]]] = {}
        for policy in policies:
            for slot in previous_slots(policy) if policy.subject == kind else ():
                self._slots.setdefault(slot.fact.name, []).append((policy.id, slot))
        problems = [
            f"the fact `{name}` is a last outcome of {' and of '.join(sorted(sources))}: a population has one of them"
            for name, its in self._slots.items()
            if len(sources := {f"{policy} ({slot.source})" for policy, slot in its}) > 1
        ]
        if problems:
            raise PopulationRejected(problems)

    @property
    def names(self) -> frozenset[str]:
        """The names of the facts."""
        return frozenset(self._slots)

    def read(self, session: Session, subjects: Sequence[Subject], day: date) -> list[dict[str, Any]]:
        """Return the facts of each subject before a day, as JSON, without missing ones."""
        policies = sorted({policy for its in self._slots.values() for policy, _ in its})
        if not policies:
            return [{}] * len(subjects)
        found = list_previous(
            session, [(Place(*subject, policy), day) for subject, policy in product(subjects, policies)]
        )
        rows: list[dict[str, Any]] = []
        for subject in subjects:
            values = {
                name: format_value(slot.fact.type, value)
                for name, its in self._slots.items()
                for policy, slot in its
                if (value := slot.value(found[Place(*subject, policy), day])) is not None
            }
            rows.append(values)
        return rows
