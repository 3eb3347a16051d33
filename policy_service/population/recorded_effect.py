"""Works out the effect of a change over the service's own decision records, a simulation for each kind of subject.

The candidates are compared, on the first day of the change, with what would be in force then without it, by the facts
of each subject's latest decision. The number of the last record that counts stands in the bundle, so the same figures
can be worked out again at any later time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, func, select

from policy_service.approval.effect import Effect, EffectQuestion
from policy_service.database import Database
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.tables import DecisionRow
from policy_service.population.effect_document import NOBODY, effect_of, unknown_part

MAX_RECORDS_AT_ONCE = 20_000
"""Limit of decision records over which an effect is simulated within the request."""
GOVERNANCE = "change"
"""The kind of subject of the policies of governance: no records are about it."""


def takes_long(session: Session) -> bool:
    """True if there are so many decision records that nobody should wait for an effect over them."""
    return (session.exec(select(func.max(col(DecisionRow.seq)))).one() or 0) > MAX_RECORDS_AT_ONCE


@dataclass(frozen=True)
class RecordedEffects:
    """Answers questions about effects over the decision records of a database."""

    database: Database
    cipher: Callable[[], FactCipher]
    """Opens the facts of subjects; called where there are records."""
    zone: ZoneInfo
    progress: Callable[[str, int, int | None], None] = lambda *_: None
    """Callback of progress: how many subjects are decided."""
    until: int | None = None
    """The number of the last record that counts, to work an effect out again; None for the newest."""

    def __call__(self, question: EffectQuestion) -> Effect:
        """The effect of a change. Raises OperationRejected, DamagedRecord, KeyFileError, OSError."""
        day = question.start.astimezone(self.zone).date()
        kinds = dict.fromkeys(policy.subject for policy in question.candidates if policy.subject != GOVERNANCE)
        with self.database.read() as session:
            newest = session.exec(select(func.max(col(DecisionRow.seq)))).one() or 0
            last = newest if self.until is None else self.until
            recorded = set(session.exec(select(DecisionRow.kind).distinct()).all()) if last else set()
        parts, movers = [], []
        for kind in kinds:
            if kind not in recorded:
                parts.append(unknown_part(kind, [NOBODY]))
                continue
            # DuckDB and the compiler of columns take a second to load
            from policy_service.population.change_simulation import simulate_change  # noqa: PLC0415

            part, file = simulate_change(question, kind, day, self.database, self.cipher(), last, self.progress)
            parts.append(part)
            movers.append(file)
        return effect_of(parts, b"".join(movers), day=day, records=last, ends=question.ends)
