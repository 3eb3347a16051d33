"""Simulates a change over the latest decision records of one kind of subject."""

from __future__ import annotations

import tempfile
from datetime import date
from functools import partial
from pathlib import Path

from policy_service.approval.effect import EffectQuestion
from policy_service.approval.errors import OperationRejected
from policy_service.database import Database
from policy_service.decisions.subjects import FactCipher
from policy_service.language.diagnostics import PolicyError
from policy_service.messages import Message
from policy_service.population.effect_document import Part, simulated_part, unknown_part
from policy_service.population.errors import PopulationRejected, RunFailed
from policy_service.population.mapping import Mapping
from policy_service.population.records import open_records
from policy_service.population.run import Progress
from policy_service.population.simulation import simulate
from policy_service.population.simulation_plan import SimulationRequest

MAX_FILE = 8 * 2**20
"""Bytes of the list of those who move; beyond it the smallest are left out."""


def simulate_change(  # noqa: PLR0913, PLR0917  # whom, when, and by which records
    question: EffectQuestion,
    kind: str,
    day: date,
    database: Database,
    cipher: FactCipher,
    last: int,
    progress: Progress,
) -> tuple[Part, bytes]:
    """The part of the effect about subjects of a kind, and the list of those who move as CSV.

    `last` is the number of the last record that counts. Raises OperationRejected when the
    simulation fails, DamagedRecord, OSError.
    """
    candidates = [policy for policy in question.candidates if policy.subject == kind]
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "movers.csv"
        request = SimulationRequest(
            population=None,
            policies=[policy for policy in question.active if policy.id not in question.ends],
            candidates=candidates,
            requested=None,
            as_of=day,
            start=None,
            mapping=Mapping(),
            output=output,
            source=partial(open_records, database, cipher, kind, day, until=last),
        )
        try:
            report = simulate(request, progress)
        except PopulationRejected as error:
            return unknown_part(kind, error.problems), b""
        except PolicyError as error:
            return unknown_part(kind, [str(error)]), b""
        except RunFailed as error:
            raise OperationRejected(Message("The change could not be simulated: {why}.", why=str(error))) from error
        with output.open("rb") as file:
            movers = file.read(MAX_FILE)
            if file.read(1):
                movers = movers[: movers.rindex(b"\n") + 1]
    return simulated_part(kind, report, [*request.policies, *candidates]), movers
