"""The effect of a change over the service's own records: in its digest, and in who must sign."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from policy_service.actor import Role
from policy_service.approval import service as approval
from policy_service.approval.service import Change, Effect, OperationRejected
from policy_service.population import change_simulation
from policy_service.population.errors import RunFailed
from policy_service.shipped import shipped_policies
from policy_service.subject import Subject
from tests.approval.world import ANN, BONUS, SALES, SIGN_OFF, SIGNERS, TIER, World, tier, world
from tests.overrides.alone import record_alone
from tests.population.recorded import CUSTOMERS, effects, record

TWO = (Role.SALES_DIRECTOR, Role.COMPLIANCE)
THREE = (Role.SALES_DIRECTOR, Role.GENERAL_MANAGER, Role.COMPLIANCE)
ORDERED = "[big, small], ordered: best-first"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Path]]:
    """600 customers, of whom 6 have nearly as many orders as a big one; no simulation counts as large."""
    keys = tmp_path_factory.mktemp("keys")
    with world() as made:
        made.import_((shipped_policies() / SIGN_OFF / "1.2.0.yaml").read_bytes(), at=made.now)
        made.move(minutes=1)
        record(made.database, made.clock, keys, CUSTOMERS)
        yield made, keys


def submitted(company: tuple[World, Path], *texts: bytes, days: int = 2) -> tuple[Change, Effect]:
    made, keys = company
    change = made.submit(made.create(*texts, start=made.now + timedelta(days=days)), effects=effects(made, keys))
    with made.database.read() as session:
        effect = approval.read_effect(session, change)
    assert effect is not None
    made.move(minutes=1)
    made.decide("withdraw", change, by=ANN)
    return change, effect


def test_six_of_six_hundred_move_and_two_sign(company: tuple[World, Path]) -> None:
    change, effect = submitted(company, tier("1.1.0", 95))
    (part,) = effect.document["parts"]
    assert (part["kind"], part["subjects"], part["moved"]) == ("customer", 600, 6)
    assert effect.impact_share == "0.0100"
    assert change.frozen_submission.roles == TWO
    assert change.frozen_submission.simulation == effect.digest
    assert change.frozen_submission.population == effect.population
    figures = {each["policy"]: each for each in part["policies"]}
    assert figures[TIER]["moved"] == 6
    assert BONUS in figures, "a policy downstream is simulated with it"
    with company[0].database.read() as session:
        lines = approval.read_movers(session, effect).decode("utf-8-sig").splitlines()
        assert not approval.read_movers(session, Effect({"movers": "sha256:none"})), "no list is stored under this name"
    assert {line.split(",")[0] for line in lines[1:]} == {f"L{number}" for number in range(6)}


def test_everybody_moves_and_one_more_signs(company: tuple[World, Path]) -> None:
    change, effect = submitted(company, tier("1.1.1", 1))
    assert (effect.document["parts"][0]["moved"], effect.impact_share) == (600, "1.0000")
    assert change.frozen_submission.roles == THREE


def test_the_digest_that_is_signed_covers_the_effect(company: tuple[World, Path]) -> None:
    change, effect = submitted(company, tier("1.1.2", 96))
    submission = change.frozen_submission
    assert replace(submission, simulation="sha256:other").digest(change.id) != change.digest
    assert replace(submission, population="sha256:other").digest(change.id) != change.digest
    assert effect.bundle == effect.document["bundle"]["digest"]


def test_the_same_records_give_the_same_figures_later(company: tuple[World, Path]) -> None:
    made, keys = company
    change = made.create(tier("1.1.3", 97), start=made.now + timedelta(days=2))

    def work_out(until: int | None) -> Effect | None:
        reader = replace(effects(made, keys), until=until)
        with made.database.read() as session:
            return approval.prepare_submission(session, change.id, SIGNERS, made.now, effects=reader).effect

    first = work_out(None)
    assert first is not None
    record(made.database, made.clock, keys, {"L0": 99, "C000": 99})
    assert work_out(first.document["bundle"]["records"]) == first
    changed = work_out(None)
    record(made.database, made.clock, keys, {"L0": 95, "C000": 20})  # as the other tests find them
    assert changed is not None
    assert (changed.document["parts"][0]["moved"], changed.bundle == first.bundle) == (5, False)


def test_a_simulation_that_fails_is_told_in_one_sentence(
    company: tuple[World, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, keys = company

    def fail(*_: object) -> None:
        raise RunFailed("DuckDB: Out of Memory Error")

    monkeypatch.setattr(change_simulation, "simulate", fail)
    change = made.create(tier("1.1.6", 97), start=made.now + timedelta(days=2))
    with pytest.raises(OperationRejected, match=r"could not be simulated: DuckDB: Out of Memory Error\."):
        made.submit(change, effects=effects(made, keys))
    assert made.read(change).state == "draft"


def test_a_share_of_those_who_lose_the_best_tier_is_told(company: tuple[World, Path]) -> None:
    _, effect = submitted(company, tier("1.1.4", 95, words=ORDERED))
    assert effect.document["best_lost_share"] is None, "nobody had it"


def test_it_is_compared_with_what_is_in_force_on_its_first_day(tmp_path: Path) -> None:
    with world() as made:
        record(made.database, made.clock, tmp_path, {"C1": 95})
        made.schedule(made.signed(tier("1.1.0", 95), start=made.now + timedelta(days=5)))
        moved = {}
        for number, days in (("1.2.0", 4), ("1.3.0", 6)):
            _, effect = submitted((made, tmp_path), tier(number, 90), days=days)
            [part] = effect.document["parts"]
            moved[effect.document["bundle"]["day"]] = (part["moved"], part["policies"][0]["before"])
        assert list(moved.values()) == [(1, "1.0.0"), (0, "1.1.0")], "a version of the time between is the baseline"


def test_nobody_is_simulated_without_records(tmp_path: Path) -> None:
    with world() as made:
        made.import_((shipped_policies() / SIGN_OFF / "1.2.0.yaml").read_bytes(), at=made.now)
        made.move(minutes=1)
        change = made.submit(made.create(tier("1.1.0", 95)), effects=effects(made, tmp_path))
        with made.database.read() as session:
            effect = approval.read_effect(session, change)
        assert effect is not None
        assert effect.document["parts"] == [
            {"kind": "customer", "problems": ["the service has no decision about anybody of this kind"]}
        ]
        assert (effect.impact_share, effect.population, change.frozen_submission.roles) == (None, None, THREE)


def test_an_ending_is_of_unknown_effect(company: tuple[World, Path]) -> None:
    made, keys = company
    change = made.create(tier("1.1.5", 95), ends=[BONUS], start=made.now + timedelta(days=2))
    change = made.submit(change, effects=effects(made, keys))
    with made.database.read() as session:
        effect = approval.read_effect(session, change)
    assert effect is not None
    assert (effect.impact_share, effect.document["ends"], effect.document["parts"][0]["moved"]) == (None, [BONUS], 6)
    assert Role.GENERAL_MANAGER in change.frozen_submission.roles


def test_who_keeps_the_best_tier_by_an_override_does_not_count_as_losing_it(
    tmp_path: Path,
) -> None:
    with world() as made:
        made.import_((shipped_policies() / SIGN_OFF / "1.2.0.yaml").read_bytes(), at=made.now)
        made.move(minutes=1)
        record(made.database, made.clock, tmp_path, {**{f"B{number}": 120 for number in range(4)}, "C": 20})
        kept = []
        for subject, outcome, days in (("B0", "big", 30), ("B1", "small", 30), ("B2", "big", 1)):
            with made.database.write(made.clock) as transaction:
                override = record_alone(
                    transaction,
                    made.fresh(SALES),
                    subject=Subject(subject),
                    policy=TIER,
                    outcome={"size": outcome},
                    role=Role.SALES_DIRECTOR,
                    reason="a partner",
                    until=made.now + timedelta(days=days),
                )
                kept.append(override)
        _, effect = submitted((made, tmp_path), tier("1.1.0", 130, words=ORDERED))
        [part] = effect.document["parts"]
        assert part["moved"] == 4
        assert part["kept_by_override"] == [
            {"policy": TIER, "outcome": "size", "subject": "B0", "override": kept[0].id}
        ], "one that keeps another word, or ends before the start, is none"
        assert effect.document["bundle"]["overrides"] == [kept[0].id]
        assert (part["policies"][0]["kept_by_override"], effect.document["best_lost_share"]) == (1, "0.7500")
