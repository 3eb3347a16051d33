"""A change that names a registered population: its effect, its digest, what does not fit, and its drift."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from policy_service.actor import SERVICE
from policy_service.approval import service as approval
from policy_service.approval.policies import policy_loader
from policy_service.approval.service import Change, Effect, ValidationFailed
from policy_service.decisions.master_keys import open_or_create
from policy_service.decisions.subjects import FactCipher, erase_subject
from policy_service.population.drift import drift_problems
from policy_service.population.registered.model import PopulationDetails
from policy_service.population.registered.service import apply_erasures, delete_population
from policy_service.subject import Subject
from tests.approval.world import ANN, SIGNERS, World, tier, world
from tests.population.recorded import effects, record
from tests.population.registering import register

ORDERS = {f"P{number}": 20 + number % 5 for number in range(38)} | {"P98": 95, "P99": 99}
"""40 customers, of whom 2 have nearly as many orders as a big one."""


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Path]]:
    """A company with one decision on record."""
    keys = tmp_path_factory.mktemp("keys")
    with world() as made:
        record(made.database, made.clock, keys, {"C1": 20})
        made.move(minutes=1)
        yield made, keys


def registered(
    company: tuple[World, Path],
    name: str,
    orders: dict[str, Any],
    *,
    kind: str = "customer",
    days: int = 1,
    column: str = "orders",
) -> str:
    """Register a population of a day so many days ago; returns its name."""
    made, keys = company
    lines = [f"subject,{column}", *(f"{subject},{count}" for subject, count in orders.items())]
    day = (made.now - timedelta(days=days)).date()
    details = PopulationDetails(name, kind, day)
    register(made.database, made.clock, FactCipher(open_or_create(keys)), details, "\n".join(lines).encode())
    return name


def submitted(company: tuple[World, Path], limit: int, name: str, number: str) -> tuple[Change, Effect]:
    """A change that names a population, and its effect."""
    made, keys = company
    draft = made.create(tier(number, limit), start=made.now + timedelta(days=2), simulated_over=name)
    assert made.read(draft).draft.simulated_over == name
    change = made.submit(draft, effects=effects(made, keys))
    with made.database.read() as session:
        effect = approval.read_effect(session, change)
    assert effect is not None
    return change, effect


def drift(company: tuple[World, Path], effect: Effect) -> list[str]:
    made, keys = company
    with made.database.read() as session:
        load = policy_loader(session)
        return list(drift_problems(made.database, lambda: FactCipher(open_or_create(keys)), effect.document, load))


def test_its_subjects_are_simulated_and_its_digest_is_signed(company: tuple[World, Path]) -> None:
    name = registered(company, "spring", ORDERS)
    change, effect = submitted(company, 95, name, "1.1.0")
    [part] = effect.document["parts"]
    assert (part["kind"], part["subjects"], part["moved"]) == ("customer", 40, 2)
    bundle = effect.document["bundle"]
    assert (bundle["registered"]["name"], bundle["registered"]["digest"]) == (name, part["bundle"]["population"])
    assert change.frozen_submission.simulation == effect.digest
    made, keys = company
    made.decide("withdraw", change, by=ANN)
    record(made.database, made.clock, keys, {"P98": 20})  # which the simulation does not ask
    again = made.create(tier("1.1.1", 95), start=made.now + timedelta(days=2), simulated_over=name)
    with made.database.read() as session:
        reader = replace(effects(made, keys), until=bundle["records"])
        found = approval.prepare_submission(session, again.id, SIGNERS, made.now, effects=reader).effect
    assert found is not None
    assert found.document["parts"][0]["policies"][0]["matrix"] == part["policies"][0]["matrix"]
    assert found.document["bundle"]["registered"] == bundle["registered"]
    assert drift(company, effect) == []


def test_what_does_not_fit_is_told_in_one_sentence_each_and_the_change_stays_a_draft(
    company: tuple[World, Path],
) -> None:
    made, keys = company
    other = registered(company, "people", ORDERS, kind="salesperson", days=40)
    cases = {
        "none": ["There is no population 'none'."],
        other: [
            "The population people is about subjects of the kind salesperson, and no policy of the change is.",
            "The population people has the facts of 2026-",
        ],
        registered(company, "later", ORDERS, days=-5): ["after the first day of the change."],
        registered(company, "dollars", {"P1": 20, "P2": "USD 7"}): ["over the population dollars: row 2: "],
        registered(company, "columns", ORDERS, column="purchases"): ["over the population columns: "],
    }
    for number, (name, told) in enumerate(cases.items()):
        change = made.create(tier(f"1.2.{number}", 95), start=made.now + timedelta(days=2), simulated_over=name)
        with pytest.raises(ValidationFailed) as refused:
            made.submit(change, effects=effects(made, keys))
        assert len(refused.value.messages) == len(told), refused.value.messages
        assert all(text in found for text, found in zip(told, refused.value.messages, strict=True)), refused.value
        assert made.read(change).state == "draft"


def test_it_drifts_by_what_is_erased_and_when_it_is_deleted(company: tuple[World, Path]) -> None:
    made, keys = company
    name = registered(company, "summer", ORDERS)
    _, effect = submitted(company, 96, name, "1.3.0")
    assert drift(company, effect) == []
    cipher, told = FactCipher(open_or_create(keys)), list[str]()
    for number in range(3):
        with made.database.write(made.clock) as transaction:
            erase_subject(transaction, SERVICE, Subject(f"P{number}"), "asked for it")
        apply_erasures(made.database, made.clock, cipher)
        told = drift(company, effect)
        assert len(told) == (number == 2), "more than 5 per cent of 40"
    assert "Of the 40 subjects of the population summer that were simulated 3 have been erased since" in told[0]
    with made.database.write(made.clock) as transaction:
        delete_population(transaction, ANN, name)
    assert drift(company, effect) == [
        "The population summer, over which the change was simulated, is no longer registered."
    ]
