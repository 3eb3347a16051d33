"""The drift of a population since a change was simulated: in the number of subjects, and in their outcomes.

A simulation is signed together with the number of the last record it includes. Later records change it: a subject has
*drifted* if the candidates' outcome by its latest facts differs from the simulated one, or if it is new. Up to
`PER_CENT` of the subjects may drift before a signature on the effect says too little.

A registered population drifts when subjects are erased from it, and when it is deleted.

    records since then about few subjects ──► no drift, by counting them
    about more                            ──► these subjects are decided by both, and compared one by one
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import Session, col, func, select

from policy_service.approval.errors import OperationRejected
from policy_service.database import Database
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.tables import DecisionRow
from policy_service.language.policy import Policy
from policy_service.messages import Message
from policy_service.population.effect_document import REGISTERED
from policy_service.population.errors import PopulationRejected, RunFailed
from policy_service.population.registered.errors import UnknownPopulation
from policy_service.population.registered.queries import read_population

PER_CENT = 5
"""Maximum percentage of drifted subjects, and maximum change in the number of subjects in per cent."""


@dataclass(frozen=True, slots=True)
class KindDrift:
    """The drift of the subjects of a kind."""

    kind: str
    simulated: int
    """The number of simulated subjects."""
    drifted: int
    """The number of these, or of later subjects, whose outcome by the candidates differs."""

    @property
    def is_too_large(self) -> bool:
        """True if more subjects drifted than a signature covers."""
        return self.drifted * 100 > self.simulated * PER_CENT

    @property
    def sentence(self) -> Message:
        """Return the message that the population has drifted."""
        return Message(
            "The population has drifted since the change was simulated: beside {simulated} subjects of the kind {kind} "
            "{drifted} have come since or get another outcome now, which is more than {limit} per cent.",
            drifted=self.drifted,
            simulated=self.simulated,
            kind=self.kind,
            limit=PER_CENT,
        )


def registered_drift(session: Session, document: Mapping[str, Any]) -> Message | None:
    """Return why a registered population differs from the simulated one.

    None if it does not, or records were simulated.
    """
    if (registered := document["bundle"].get(REGISTERED)) is None:
        return None
    try:
        found = read_population(session, registered["id"])
    except UnknownPopulation:
        return Message(
            "The population {name}, over which the change was simulated, is no longer registered.",
            name=registered["name"],
        )
    simulated = sum(part["subjects"] for part in document["parts"] if part["kind"] == registered["kind"])
    drift = KindDrift(registered["kind"], simulated, simulated - found.subjects)
    if not drift.is_too_large:
        return None
    return Message(
        "Of the {simulated} subjects of the population {name} that were simulated {drifted} have been erased since, "
        "which is more than {limit} per cent.",
        simulated=simulated,
        name=registered["name"],
        drifted=drift.drifted,
        limit=PER_CENT,
    )


def may_have_drifted(session: Session, document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the parts of an effect with so many subjects decided since then that their drift must be computed."""
    last, registered = document["bundle"]["records"], document["bundle"].get(REGISTERED, {})
    return [
        part
        for part in document["parts"]
        if "problems" not in part
        and part["kind"] != registered.get("kind")
        and KindDrift(part["kind"], part["subjects"], _later_subjects(session, part["kind"], last)).is_too_large
    ]


def _later_subjects(session: Session, kind: str, last: int) -> int:
    """Count the subjects of a kind that have a record after the number `last`."""
    query = select(func.count(func.distinct(DecisionRow.subject)))
    return session.exec(query.where(DecisionRow.kind == kind, col(DecisionRow.seq) > last)).one()


def drift_problems(
    database: Database, cipher: Callable[[], FactCipher], document: Mapping[str, Any], load: Callable[[str], Policy]
) -> tuple[Message, ...]:
    """Return why the simulated effect no longer holds, one message per kind of subject that has drifted.

    `document` is that of the effect; `load` reads a version by its digest. Raises OperationRejected, DamagedRecord,
    OSError.
    """
    last, day = document["bundle"]["records"], date.fromisoformat(document["bundle"]["day"])
    with database.read() as session:
        of_population = registered_drift(session, document)
        parts = may_have_drifted(session, document)
    problems = [] if of_population is None else [of_population]
    if not parts:
        return tuple(problems)
    # DuckDB and the compiler of columns take a second to load
    from policy_service.population.drifted_subjects import count_drifted  # noqa: PLC0415

    for part in parts:
        kind, simulated = part["kind"], part["subjects"]
        policies = [load(each["digest"]) for each in part["bundle"]["after"]]
        try:
            drift = KindDrift(kind, simulated, count_drifted(database, cipher(), policies, kind, day, last))
        except (PopulationRejected, RunFailed) as error:
            why = Message("Whether the population has drifted could not be determined: {why}.", why=str(error))
            raise OperationRejected(why) from error
        if drift.is_too_large:
            problems.append(drift.sentence)
    return tuple(problems)
