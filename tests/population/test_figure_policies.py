"""Benchmark figures in force are policies: made from a population, taken by others, recorded and replayed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from policy_service.actor import Actor, Role
from policy_service.analysis.articles import Kind
from policy_service.analysis.difference import difference
from policy_service.decisions.decider import Decider
from policy_service.decisions.replay import replay
from policy_service.decisions.request import DecisionRequest
from policy_service.errors import FactsRejected
from policy_service.language.benchmark_set import load_benchmark_set_bytes
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy
from policy_service.population.figure_policies import write_figure_policies
from policy_service.population.mapping import Mapping
from policy_service.population.simulation import simulate
from policy_service.population.simulation_plan import SimulationRequest
from tests.approval.world import world
from tests.decisions.desks import put, setting
from tests.population.files import DAY, RFM, read_result, run_file
from tests.population.test_benchmarks import BY_ID, INDUSTRIES, NEIGHBOURS, make, write_regulation
from tests.shipped import NEWEST

FIGURES = "tiering/customers_by_industry"
MACHINE = Actor("0197a000-0000-7000-8000-000000000009", "shop", "shop", frozenset({Role.INTEGRATION}), "machine")
CUSTOMER = {"recency_days": 45, "orders_12m": 3, "amount_12m": "800000.00", "industry": "it"}


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    path = write_regulation(tmp_path_factory.mktemp("p") / "p.csv")
    [written] = write_figure_policies(make(path, requested=(RFM,)).benchmark_set, NEWEST)
    policy = load_bytes(written.text.encode())
    assert (policy.id, policy.version, written.id) == (FIGURES, "2026.7.0", FIGURES)
    return policy


def test_figures_are_a_table_of_groups(figures: Policy) -> None:
    assert {name: outcome.measure for name, outcome in figures.outcomes.items()} == {
        "mean_amount_12m": "mean(amount_12m) by industry",
        "mean_orders_12m": "mean(orders_12m) by industry",
    }
    assert [rule.id for rule in figures.rules] == ["internet", "it", "manufacturing", "retail"]
    assert figures.facts["industry"].type == BY_ID[RFM].facts["industry"].type
    assert figures.rules[0].because.en == "The figures of 10 subjects as of 2026-11-21."
    assert figures.has_figures


def test_the_regulations_customers_are_tiered_by_figures_in_force(figures: Policy) -> None:
    with Decider([BY_ID[RFM], figures], engine="durable_rules") as decider:
        for industry, recency, orders, amount, tier in INDUSTRIES.values():
            facts = {"recency_days": recency, "orders_12m": orders, "amount_12m": amount, "industry": industry}
            answers = decider.decide(facts, as_of=DAY).to_dict()
            assert answers[RFM]["outcome"] == {"tier": tier}
            assert "supplied" not in answers[RFM]
            assert (answers[FIGURES]["status"], answers[FIGURES]["digest"]) == ("decided", figures.digest)
        with pytest.raises(FactsRejected, match=r'expected "750000.00", which tiering/customers_by_industry decides'):
            decider.decide({**CUSTOMER, "industry_mean_amount": 1}, as_of=DAY)
        facts = {**CUSTOMER, "industry": "finance", "industry_mean_amount": 1, "industry_mean_orders": 1}
        assert decider.decide(facts, as_of=DAY).to_dict()[RFM]["supplied"] == [
            "industry_mean_amount",
            "industry_mean_orders",
        ]
        assert set(decider.decide(facts, as_of=DAY, kind="customer").to_dict()) == {RFM}
        decider.replace([BY_ID[RFM]])
        assert decider.decide(CUSTOMER, as_of=DAY).to_dict()[RFM]["status"] == "missing_facts"
        decider.replace([BY_ID[RFM], figures])
        assert decider.decide(CUSTOMER, as_of=DAY).to_dict()[RFM]["outcome"] == {"tier": "A"}


def test_a_policy_may_let_the_caller_give_another_figure(figures: Policy, tmp_path: Path) -> None:
    text = BY_ID[RFM].text.replace("by industry\n", "by industry\n    replaceable: true\n")
    replaceable = load_bytes(text.encode())
    with Decider([replaceable, figures], engine="python") as decider:
        answer = decider.decide({**CUSTOMER, "industry_mean_amount": "1.00"}, as_of=DAY).to_dict()[RFM]
        assert answer["supplied"] == ["industry_mean_amount"]
    path = tmp_path / "p.csv"
    path.write_text(
        "subject,recency_days,orders_12m,amount_12m,industry,industry_mean_amount\nC1,45,3,800000.00,it,1.00\n"
    )
    report = run_file(path, policies=[replaceable, figures], requested=None)
    [row] = read_result(report.paths[0])
    assert row[f"{RFM}.rule"] == ", ".join(answer["rules"])
    refused = run_file(path, tmp_path / "o.csv", policies=[BY_ID[RFM], figures], requested=None)
    assert read_result(refused.paths[0])[0][f"{RFM}.status"] == "contradiction"


def test_everybody_is_decided_as_one_is(figures: Policy, tmp_path: Path) -> None:
    path = write_regulation(tmp_path / "p.csv")
    report = run_file(path, policies=[BY_ID[RFM], figures], requested=None)
    tiers = {row["subject"]: row[f"{RFM}.tier"] for row in read_result(report.paths[0])}
    assert {name: tiers[name] for name in INDUSTRIES} == {name: each[-1] for name, each in INDUSTRIES.items()}


def test_renewed_figures_move_those_whom_the_policies_that_take_them_move(figures: Policy, tmp_path: Path) -> None:
    renewed = figures.text.replace("750000.00", "1200000.00").replace("2026.7.0", "2026.8.0")
    renewed = renewed.replace('max: "900000.00"', 'max: "1200000.00"')
    request = SimulationRequest(
        population=write_regulation(tmp_path / "p.csv"),
        policies=(BY_ID[RFM], figures),
        candidates=(load_bytes(renewed.encode()),),
        requested=None,
        as_of=DAY,
        start=None,
        mapping=Mapping(),
    )
    report = simulate(request, lambda *_: None)
    moved = {each["policy"]: each["moved"] for each in report["policies"]}
    assert moved[FIGURES] == 1 + NEIGHBOURS
    tiers = {
        mover["subject"]: (outcome["from"], outcome["to"])
        for mover in report["movers"]
        for policy in mover["policies"]
        if policy["policy"] == RFM
        for outcome in policy["outcomes"]
    }
    assert tiers["C202405001"] == ("A", "B")
    assert moved[RFM] == len(tiers)


def test_a_decision_by_figures_in_force_is_replayed_after_they_were_renewed(figures: Policy) -> None:
    renewed = figures.text.replace("750000.00", "850000.00").replace("2026.7.0", "2026.8.0")
    with setting("sqlite", BY_ID[RFM]) as each:

        def decide(**facts: object) -> None:
            request = DecisionRequest("C1", {**CUSTOMER, **facts}, policies=(RFM,))
            asyncio.run(each.decisions.decide(request, MACHINE))

        decide(industry_mean_amount="750000.00", industry_mean_orders="3.2")
        for text in (figures.text, renewed):
            put(each.database, each.clock, load_bytes(text.encode()))
            each.clock.move(seconds=1)
            each.decisions.in_force.refresh()
            decide()
        records = each.records()
        assert [record.outcomes[RFM].get("supplied") for record in records] == [
            ["industry_mean_amount", "industry_mean_orders"],
            None,
            None,
        ]
        assert [record.policies[FIGURES].version for record in records[1:]] == ["2026.7.0", "2026.8.0"]
        with each.database.read() as session:
            verdicts = [replay(session, each.secrets, record.decision_id).verdict for record in records]
        assert verdicts == ["same"] * 3


def test_figures_are_signed_into_force_and_renewed_as_any_version_is(figures: Policy) -> None:
    renewed = figures.text.replace("750000.00", "850000.00").replace("2026.7.0", "2026.8.0")
    with world() as made:
        made.import_(BY_ID[RFM].text.encode())
        change = made.signed(figures.text.encode())
        assert change.submission is not None
        assert {Role.SALES_DIRECTOR, Role.COMPLIANCE} <= set(change.submission.roles)
        made.schedule(change)
        assert made.version(FIGURES) is None
        made.move(days=1, hours=1)
        assert made.version(FIGURES) == "2026.7.0"
        made.schedule(made.signed(renewed.encode()))
        made.move(days=1, hours=1)
        assert made.version(FIGURES) == "2026.8.0"
    altered = difference(figures, load_bytes(renewed.encode())).alterations
    assert [each.name for each in altered if each.kind is Kind.RULE] == ["it"]


MADE = load_benchmark_set_bytes(
    f"""
benchmark_set: benchmarks/customers
version: 2026.7.0
title: {{zh: 基准, en: benchmarks}}
subject: customer
as_of: 2026-06-30
population: {{name: p.csv, digest: "sha256:{"0" * 64}", subjects: 9}}
method: {{rounding: half_even, quantiles: linear, smallest_group: 2}}
figures:
  - measure: mean(amount_12m) by industry
    type: money
    currency: CNY
    groups: [{{of: [it], subjects: 9, value: "1.00"}}, {{of: [retail], subjects: 9, value: "2.00"}}]
  - measure: mean(orders_12m) by industry
    type: number
    scale: 4
    groups: [{{of: [it], subjects: 8, value: "1.5"}}]
  - measure: least(amount_12m) within 0.75 of sum(amount_12m) by channel
    type: money
    currency: CNY
    groups: [{{of: [other], subjects: 1}}]
  - {{measure: sum(amount_12m), type: money, currency: CNY, groups: [{{subjects: 9, value: "9.00"}}]}}
""".encode()
)


def test_each_grouping_is_a_policy_and_a_group_without_a_figure_no_row() -> None:
    written = {each.id: load_bytes(each.text.encode()) for each in write_figure_policies(MADE, NEWEST)}
    assert {name: [rule.id for rule in policy.rules] for name, policy in written.items()} == {
        FIGURES: ["it", "retail"],
        f"{FIGURES}_2": ["it"],
        "tiering/customers": ["all"],
    }
    assert written["tiering/customers"].facts == {}
    with Decider([BY_ID["tiering/sales_share"], written["tiering/customers"]], engine="python") as decider:
        answer = decider.decide({"amount_12m": "4.50"}, as_of=DAY, policies=["tiering/customers"]).to_dict()
        assert answer["tiering/customers"]["outcome"] == {"sum_amount_12m": "9.00"}
