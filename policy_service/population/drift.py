"""The drift of a population since a change was simulated: how many subjects there are, and whose outcome is another.

A simulation is signed together with the number of the last record that it counts. Later records alter it: a subject is
*drifted* when the candidates decide otherwise by its latest facts than by those that were simulated, or when it was not
there. Up to `MAX_DRIFT` of the subjects may drift before a signature on the effect says too little.

A registered population that a change names drifts by the subjects that are erased from it, and when it is deleted.

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
"""How many per cent of the subjects may drift, and by how many the number of subjects may differ."""


@dataclass(frozen=True, slots=True)
class KindDrift:
    """The drift of the subjects of a kind."""

    kind: str
    simulated: int
    """How many subjects were simulated."""
    drifted: int
    """How many of them, or of those that came later, have another outcome by the candidates."""

    @property
    def is_too_large(self) -> bool:
        """True if more subjects drifted than a signature covers."""
        return self.drifted * 100 > self.simulated * PER_CENT

    @property
    def sentence(self) -> Message:
        """That the population has drifted."""
        return Message(
            "The population has drifted since the change was simulated: beside {simulated} subjects of the kind {kind} "
            "{drifted} have come since or get another outcome now, which is more than {limit} per cent.",
            drifted=self.drifted,
            simulated=self.simulated,
            kind=self.kind,
            limit=PER_CENT,
        )


def registered_drift(session: Session, document: Mapping[str, Any]) -> Message | None:
    """Why a registered population is no longer what was simulated; None where it is, or where the records were."""
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
    """The parts of an effect with so many subjects decided since then that it has to be seen whether they drifted."""
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
    """Return the reasons why the simulated effect no longer holds, one for each kind of subject that has drifted.

    `document` is that of the effect, `load` reads a version by its digest. Raises OperationRejected, DamagedRecord,
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
