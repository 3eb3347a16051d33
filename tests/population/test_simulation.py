"""The effect of a change: who moves, by which cell, with sums that agree, and nothing before the start."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from policy_service.language.evaluate import evaluate
from policy_service.language.load import load_bytes
from policy_service.language.outcome import Decided, Result
from policy_service.language.policy import Policy
from policy_service.language.types import parse_value
from policy_service.population import attribution, parts
from policy_service.population.errors import PopulationRejected
from policy_service.population.mapping import Mapping
from policy_service.population.simulation import simulate
from policy_service.population.simulation_plan import SimulationRequest
from tests.cli.command import call
from tests.effort import effort
from tests.population.files import DAY, HEADINGS, RFM, read_result, with_cells, write_csv
from tests.shipped import NEWEST

CADENCE = "followup/contact_cadence"
BY_ID = {policy.id: policy for policy in NEWEST}
S_CELL = 'when: ["< 30", "> 1.5 * industry_mean_amount", "> 1.3 * industry_mean_orders"]'
LARGE = {"amount_12m": "740000.00", "orders_12m": "9", "recency_days": "12"}
"""A customer of tier A, of S where 1.4 times the mean is enough."""


def candidate(*changes: tuple[str, str], policy: str = RFM, version: str = "9.0.0") -> Policy:
    """The version in force with other texts."""
    old = BY_ID[policy]
    text = old.text.replace(f"version: {old.version}", f"version: {version}", 1)
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return load_bytes(text.encode())


LOWER = candidate((S_CELL, S_CELL.replace("1.5", "1.4")))


@pytest.fixture(scope="module")
def customers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 customers, of whom 6 are of tier A, and would be S if 1.4 times the mean were enough."""
    rows = [with_cells(subject=f"C{index}") for index in range(594)]
    rows += [with_cells(subject=f"L{index}", **{**LARGE, "amount_12m": f"74000{index}.00"}) for index in range(6)]
    return write_csv(tmp_path_factory.mktemp("customers") / "customers.csv", rows)


def effect(
    population: Path,
    *candidates: Policy,
    requested: Sequence[str] | None = (RFM,),
    **others: Any,  # noqa: ANN401  # fields of a request
) -> dict[str, Any]:
    """The effect of candidates."""
    request = SimulationRequest(
        population=population,
        policies=others.pop("policies", NEWEST),
        candidates=candidates,
        requested=requested,
        as_of=DAY,
        start=others.pop("start", None),
        mapping=Mapping(),
        **others,
    )
    return simulate(request, lambda *_: None)


def moves(figures: dict[str, Any]) -> dict[tuple[str, str], int]:
    """The cells of the matrix off the diagonal."""
    return {(each["from"], each["to"]): each["subjects"] for each in figures["matrix"] if each["from"] != each["to"]}


def test_six_of_six_hundred_move_by_one_cell(customers: Path, tmp_path: Path) -> None:
    report = effect(customers, LOWER, output=tmp_path / "movers.csv")
    (figures,) = report["policies"]
    assert (report["subjects"], report["moved"], figures["unchanged"], figures["undecided"]) == (600, 6, 594, 0)
    assert moves(figures) == {("A", "S"): 6}
    (charged,) = figures["attribution"]
    assert (charged["subjects"], charged["with"]) == (6, None)
    assert charged["difference"].startswith(f"{RFM} · S · purchases, last 12 months: more than 1.5 times")
    assert [each["subject"] for each in report["movers"]] == ["L5", "L4", "L3", "L2", "L1", "L0"]
    assert report["movers"][0]["measure"] == "740005.00"
    rows = read_result(tmp_path / "movers.csv")
    assert [(row["subject"], row["before"], row["after"]) for row in rows[:2]] == [
        ("L5", "tier=A", "tier=S"),
        ("L4", "tier=A", "tier=S"),
    ]
    assert {row["charged_to"] for row in rows} == {charged["difference"]}


def test_everybody_is_s(customers: Path) -> None:
    everybody = candidate((S_CELL, 'when: ["-", "-", "-"]'))
    (figures,) = effect(customers, everybody)["policies"]
    assert (figures["moved"], moves(figures)) == (600, {("A", "S"): 600})
    assert sum(each["subjects"] for each in figures["attribution"]) == 600


def test_a_change_has_no_effect_before_its_start(customers: Path) -> None:
    old, new = bonus("1.0.0"), bonus("1.1.0", ROWS[1:])
    report = effect(customers, new, requested=None, policies=[old], start=DAY + datetime.timedelta(days=1))
    assert (report["in_effect"], report["moved"], report["movers"]) == (False, 0, [])
    assert {each["difference"] for each in report["policies"][0]["money"]} == {"0.00"}
    assert effect(customers, new, requested=None, policies=[old], start=DAY)["moved"] == 597


def test_many_subjects_are_stored_and_charged_by_queries(customers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = bonus("1.0.0"), bonus("1.1.0", (("m", ">= 740002.00", "> 2", "-", "A", "0.10"), ROWS[1]))
    by_python = effect(customers, new, requested=None, policies=[old])
    monkeypatch.setattr(attribution, "FEW", 0)
    monkeypatch.setattr(parts, "HELD", 0)
    assert effect(customers, new, requested=None, policies=[old]) == by_python
    assert len(by_python["policies"][0]["attribution"]) > 1


def test_two_cells_that_act_together_are_told_so(tmp_path: Path) -> None:
    rows = [
        with_cells(subject="both", amount_12m="740000.00", orders_12m="9", recency_days="34"),
        with_cells(subject="amount", **LARGE),
        with_cells(subject="days", amount_12m="800000.00", orders_12m="9", recency_days="34"),
        with_cells(subject="undecided", amount_12m=""),
    ]
    both = candidate((S_CELL, S_CELL.replace("1.5", "1.4").replace("< 30", "< 35")))
    report = effect(write_csv(tmp_path / "p.csv", rows), both)
    (figures,) = report["policies"]
    assert (figures["moved"], figures["undecided"], figures["unchanged"]) == (3, 1, 0)
    told = sorted((each["with"] is not None, each["subjects"]) for each in figures["attribution"])
    assert told == [(False, 1), (False, 1), (True, 1)]
    charged = {each["subject"]: len(each["policies"][0]["charged_to"]) for each in report["movers"]}
    assert charged == {"both": 2, "amount": 1, "days": 1}


def test_policies_that_depend_on_a_candidate_move_too(tmp_path: Path) -> None:
    headings = (*HEADINGS, "last_contact_on")
    rows = [(*with_cells(subject="L", **LARGE), "2026-11-01"), (*with_cells(subject="C"), "2026-11-01")]
    report = effect(write_csv(tmp_path / "p.csv", rows, headings), LOWER, requested=None)
    figures = {each["policy"]: each for each in report["policies"]}
    assert {RFM, CADENCE} <= figures.keys()
    assert (figures[CADENCE]["moved"], figures[CADENCE]["before"]) == (1, figures[CADENCE]["after"])
    assert [each["subjects"] for each in figures[CADENCE]["attribution"]] == [1]
    assert "service_levels/response_times" in report["left_out"]


MONEY = """
policy: rewards/bonus
version: {version}
title: {{zh: 奖金, en: Bonus}}
subject: customer
facts:
  amount_12m: {{type: money, currency: CNY, min: 0, title: {{zh: 采购额, en: purchases}}}}
  orders_12m: {{type: integer, min: 0, title: {{zh: 订单数, en: orders}}}}
  industry: {{type: choice, of: [it, retail], title: {{zh: 行业, en: industry}}}}
outcome:
  class: {{type: choice, of: [A, B], title: {{zh: 等级, en: class}}}}
  bonus: {{type: money, currency: {currency}, min: 0, title: {{zh: 奖金, en: bonus}}}}
table:
  hit: FIRST
  inputs: [amount_12m, orders_12m, industry]
  rows:
{rows}"""
ROWS = (("m", ">= 740003.00", "-", "-", "A", "0.07"), ("n", "-", "-", "-", "B", "0.00"))
Row = tuple[str, str, str, str, str, str]


def bonus(version: str, rows: Sequence[Row] = ROWS, currency: str = "CNY") -> Policy:
    """A policy that gives money, of rows of a name, three cells, a class and an amount."""
    texts = [
        f"    - {{id: {name}, when: ['{amount}', '{orders}', '{industry}'], then: [{grade}, '{money}'], "
        "because: {zh: 如此, en: so}}\n"
        for name, amount, orders, industry, grade, money in rows
    ]
    return load_bytes(MONEY.format(version=version, rows="".join(texts), currency=currency).encode())


def test_money_is_summed_to_the_fen(customers: Path) -> None:
    new = bonus("1.1.0", (("m", ">= 740000.00", "-", "-", "A", "0.10"), ROWS[1]))
    report = effect(customers, new, requested=None, policies=[bonus("1.0.0")])
    (figures,) = report["policies"]
    assert report["movers"][0]["policies"][0]["outcomes"] == [
        {"outcome": "class", "from": "A", "to": "A"},
        {"outcome": "bonus", "from": "0.07", "to": "0.10"},
    ]
    assert figures["money"] == [
        {"outcome": "bonus", "currency": "CNY", "before": "41.79", "after": "60.00", "difference": "18.21"}
    ]


def random_rows(chance: random.Random) -> list[Row]:
    """Some rows, the last one for everybody."""
    names = chance.sample("abcdef", chance.randint(1, 4))
    rows: list[Row] = [
        (
            name,
            chance.choice(["-", f">= {chance.randint(1, 9)}00.00", f"< {chance.randint(1, 9)}00.00"]),
            chance.choice(["-", f"> {chance.randint(0, 4)}"]),
            chance.choice(["-", '"it"']),
            chance.choice("AB"),
            f"{chance.randint(0, 3)}.{chance.randint(0, 99):02}",
        )
        for name in names
    ]
    return [*rows, ("z", "-", "-", "-", "B", f"0.{chance.randint(0, 99):02}")][chance.randint(0, 1) :]


def test_sums_agree_whatever_changes(tmp_path: Path) -> None:
    chance = random.Random(17)
    people = [
        (f"C{index}", f"{chance.randint(0, 1000)}.{chance.randint(0, 99):02}", str(chance.randint(0, 5)), industry)
        for index, industry in enumerate(["it", "retail"] * 15)
    ]
    population = write_csv(tmp_path / "p.csv", people, ("subject", "amount_12m", "orders_12m", "industry"))
    together = 0
    for _ in range(effort(quick=3, long=1_000)):
        old, new = bonus("1.0.0", random_rows(chance)), bonus("1.1.0", random_rows(chance))
        report = effect(population, new, requested=None, policies=[old])
        (figures,) = report["policies"]
        answers = [[answer(policy, person) for person in people] for policy in (old, new)]
        moved = sum(before != after for before, after in zip(*answers, strict=True))
        assert report["moved"] == figures["moved"] == moved
        assert sum(each["subjects"] for each in figures["attribution"]) == moved
        assert sum(each["moved"] for each in figures["by"]) == moved
        assert sum(each["subjects"] for each in figures["matrix"]) == 30
        assert moved + figures["unchanged"] + figures["undecided"] == 30
        (money,) = figures["money"]
        sums = [sum(fen(each) for each in side) for side in answers]
        found = [int(money[name].replace(".", "")) for name in ("before", "after", "difference")]
        assert found == [*sums, sums[1] - sums[0]]
        together += any(each["with"] for each in figures["attribution"])
    assert together


def answer(policy: Policy, person: Sequence[str]) -> Result:
    """The definition's answer about a row of a file."""
    raw = dict(zip(("amount_12m", "orders_12m", "industry"), person[1:], strict=True))
    values = {**raw, "orders_12m": int(raw["orders_12m"])}
    facts = {name: parse_value(policy.facts[name].type, value) for name, value in values.items()}
    result = evaluate(policy, facts, DAY)
    return replace(result, rules=()) if isinstance(result, Decided) else result


def fen(result: Result) -> int:
    """The bonus of an answer."""
    return int(str(result.outcome[0][1])) if isinstance(result, Decided) else 0


def test_the_same_question_has_the_same_digest(customers: Path) -> None:
    old, new = bonus("1.0.0"), bonus("1.1.0", ROWS[:1])
    first, second, other = (
        effect(customers, new, requested=None, policies=[old], start=start) for start in (None, None, datetime.date.max)
    )
    assert first == second
    assert first["bundle"]["digest"] != other["bundle"]["digest"]


def test_what_cannot_be_compared_is_refused(customers: Path, tmp_path: Path) -> None:
    old = bonus("1.0.0")
    no_orders = write_csv(tmp_path / "p.csv", [("C1", "1.00")], ("subject", "amount_12m"))

    def problems(*candidates: Policy, population: Path = customers, **others: Any) -> str:  # noqa: ANN401
        with pytest.raises(PopulationRejected) as refused:
            effect(population, *candidates, policies=[old], **{"requested": None, **others})
        return str(refused.value)

    new = bonus("1.1.0", ROWS[:1])
    assert problems(old) == "rewards/bonus 1.0.0 is what is in force: a candidate is another version"
    assert problems(new, new) == "rewards/bonus: there are several candidates"
    assert problems(bonus("1.1.0", currency="USD")).startswith("rewards/bonus: `bonus` has another currency")
    dollars = load_bytes(
        new.content.replace(b"amount_12m: {type: money, currency: CNY", b"amount_12m: {type: money, currency: USD")
    )
    assert problems(dollars) == "the column of `amount_12m` would be in CNY and in USD: a column has one currency"
    assert problems(new, population=no_orders) == "rewards/bonus needs the columns `orders_12m`, `industry`"
    inexact = tmp_path / "p.parquet"
    pq.write_table(pa.table({"subject": ["C1"], "amount_12m": [0.5]}), inexact)
    told = problems(new, population=inexact)
    assert "needs the columns `orders_12m`" in told
    assert "`amount_12m` is binary floating point" in told, "told with what is lacking"
    assert problems(new, requested=["rewards/bonos"]).startswith("no policy `rewards/bonos`")
    assert problems(new, output=tmp_path / "movers.xlsx").endswith("movers.xlsx: expected a file .csv")


def test_the_command_prints_the_effect(customers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "rewards" / "bonus"
    folder.mkdir(parents=True)
    (folder / "1.0.0.yaml").write_bytes(bonus("1.0.0").content)
    draft = tmp_path / "draft.yaml"
    draft.write_bytes(bonus("1.1.0", (("m", ">= 740000.00", "-", "-", "A", "0.10"), ROWS[1])).content)
    arguments = ["simulate", "--candidate", draft, "--population", customers, "--policies", tmp_path, "--as-of", DAY]
    ended = call(capsys, *arguments)
    assert ended.status == 0
    assert "600 of 600 subjects move on 2026-11-21" in ended.out
    assert "18.21" in ended.out
    ended = call(capsys, *arguments, "--from", "2026-11-22", "--json")
    assert (ended.status, json.loads(ended.out)["moved"]) == (0, 0)
    draft.write_text("policy: rewards/bonus")
    ended = call(capsys, *arguments, "--json")
    assert (ended.status, len(json.loads(ended.out)["problems"])) == (1, 1)
    assert call(capsys, *arguments, "--from", "tomorrow").status == 2
