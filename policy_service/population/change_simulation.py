"""Simulates a change over the latest decision records of one kind of subject."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from policy_service.approval.effect import EffectQuestion
from policy_service.approval.errors import OperationRejected, ValidationFailed
from policy_service.database import Database
from policy_service.decisions.override_store import OverrideCache
from policy_service.decisions.subjects import FactCipher
from policy_service.language.diagnostics import PolicyError
from policy_service.language.policy import Policy
from policy_service.messages import Message
from policy_service.population.effect_document import KeptOutcome, Part, best_words, simulated_part, unknown_part
from policy_service.population.errors import PopulationRejected, RunFailed
from policy_service.population.kept_rows import KeptRows
from policy_service.population.mapping import Mapping
from policy_service.population.run import Progress
from policy_service.population.simulation import simulate
from policy_service.population.simulation_plan import SimulationRequest
from policy_service.spreadsheet import unguard_formula
from policy_service.subject import Subject

MAX_FILE = 8 * 2**20
"""Maximum size of the list of movers, bytes; the smallest are left out beyond it."""


def simulate_change(  # noqa: PLR0913, PLR0917  # whom, when, and by which records
    question: EffectQuestion,
    kind: str,
    day: date,
    database: Database,
    cipher: FactCipher,
    last: int,
    progress: Progress,
) -> tuple[Part, bytes]:
    """Return the effect on subjects of a kind, and the list of movers as CSV.

    `last` is the number of the last record that counts. Raises OperationRejected if the simulation fails,
    ValidationFailed if a named population does not fit, DamagedRecord, OSError.
    """
    candidates = [policy for policy in question.candidates if policy.subject == kind]
    policies = [policy for policy in question.active if policy.id not in question.ends]
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "movers.csv"
        rows = KeptRows(database, cipher, kind, question.simulated_over)
        request = SimulationRequest(
            population=None,
            policies=policies,
            candidates=candidates,
            requested=None,
            as_of=day,
            start=None,
            mapping=Mapping(),
            output=output,
            source=rows.source(day, until=last, policies=[*policies, *candidates]),
            is_strict=question.simulated_over is not None,
        )
        try:
            report = simulate(request, progress)
        except (PopulationRejected, PolicyError) as error:
            problems = error.problems if isinstance(error, PopulationRejected) else [str(error)]
            if question.simulated_over is not None:
                raise not_over(question.simulated_over, problems) from error
            return unknown_part(kind, problems), b""
        except RunFailed as error:
            raise OperationRejected(Message("The change could not be simulated: {why}.", why=str(error))) from error
        kept = list(_kept_outcomes(question, kind, database, output, candidates))
        with output.open("rb") as file:
            movers = file.read(MAX_FILE)
            if file.read(1):
                movers = movers[: movers.rindex(b"\n") + 1]
    return simulated_part(kind, report, [*request.policies, *candidates], kept), movers


def not_over(population: str, problems: Sequence[str]) -> ValidationFailed:
    """Return the error of a population over which a change cannot be simulated."""
    texts = (each.removeprefix(f"{population}: ") for each in problems)
    return ValidationFailed(
        [
            Message("The change cannot be simulated over the population {name}: {why}.", name=population, why=each)
            for each in texts
        ]
    )


def _kept_outcomes(
    question: EffectQuestion, kind: str, database: Database, movers: Path, candidates: Sequence[Policy]
) -> Iterator[KeptOutcome]:
    """Yield the movers that keep a best value by an override that applies when the change takes effect."""
    best = {each.id: best_words(each) for each in (*question.active, *candidates)}
    overrides = OverrideCache()
    with database.read() as session, movers.open(encoding="utf-8-sig", newline="") as file:
        overrides.refresh(session)
        for row in csv.DictReader(file):
            subject = Subject(unguard_formula(row["subject"]), kind)
            if (override := overrides.active_overrides(subject, question.start).get(row["policy"])) is None:
                continue
            before, after = (row[side].split("; ") for side in ("before", "after"))
            for outcome, word in best[row["policy"]].items():
                text = f"{outcome}={word}"
                if text in before and text not in after and override.outcome.get(outcome) == word:
                    yield KeptOutcome(row["policy"], outcome, subject.id, override.id)
