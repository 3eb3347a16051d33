"""The shipped policies say what the regulation says: by their examples, by their laws, and for every subject."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise, product

import pytest

from policy_service.cross_groups.policy_file import Heading, write_cross_groups
from policy_service.language.evaluate import evaluate, holds, scope_of
from policy_service.language.outcome import Conflict, Decided, MissingFacts, NoRuleMatched, Result
from policy_service.language.policy import Always, Bilingual, Example, Fact, Monotone, Outcome, Policy, Rule
from policy_service.language.types import ChoiceType, Exact, TagsType, to_exact
from policy_service.subject import KIND_LABELS_ZH
from tests.for_each import for_each
from tests.policies.grid import Block, blocks, rank
from tests.shipped import SHIPPED

POLICIES = {policy.id: policy for policy in SHIPPED}
AS_OF = datetime.date(2026, 11, 21)

FAMILIES = {
    "RFM": range(1, 8),
    **dict.fromkeys(
        ("LIFE", "VAL", "SIZE", "BUY", "NEED", "ROLE", "CAMP", "CROSS", "EXP", "DIM", "CRIT", "SRC"), range(1, 2)
    ),
    "ABC": range(1, 3),
    "OWN": range(1, 2),
    "TEAM": range(1, 2),
    "CARD": range(1, 4),
    "IMP": range(1, 2),
    "CAD": "SABCV",
    "TRANS": range(1, 2),
    "SURV": range(1, 2),
    "CARE": range(1, 2),
    "WIN": range(1, 2),
    "LOG": range(1, 2),
    "KPI": "1V",
    "DATA": range(1, 2),
    "SVC": range(1, 3),
    "CMP": range(1, 3),
    "DQ": range(1, 3),
    "RW": range(1, 2),
    "PN": range(1, 2),
    "CUS": range(1, 2),
    "INC": range(1, 2),
    "FINE": range(1, 2),
    "COND": range(1, 2),
    "CASH": range(1, 2),
    "NEW": range(1, 2),
    "TGT": range(1, 2),
    "GOV": range(1, 11),
}
ROWS = frozenset(f"R-{family}-{row}" for family, rows in FAMILIES.items() for row in rows)
"""Rows of the regulation that these policies may cite."""

AS_WRITTEN = {
    "tiering/life_cycle": {"prospect"},
    "tiering/value_score": set(),
    "tiering/purchase_behaviour": set(),
    "tiering/purchase_cycle": {"own"},
    "tiering/abc_class": {"A", "B", "C"},
    "tiering/sales_share": {"measured"},
    "tiering/enterprise_scale": set(),
    "tiering/need_tags": set(),
    "tiering/decision_role": set(),
    "tiering/campaign_response": set(),
    "tiering/cross_group": set(),
    "tiering/buyer_experience": set(),
    "tiering/dimensions": {"start-up", "growth", "mature"},
    "tiering/region": set(),
    "tiering/purchase_history": {"none"},
    "tiering/customer_source": set(),
    "tiering/group_review": set(),
    "tiering/tier_review": set(),
    "tiering/record_review": {"duplicate", "invalid", "missing-obtainable", "missing", "otherwise"},
    "followup/customer_assignment": set(),
    "followup/sales_team": {"new-development", "existing-care", "key-accounts"},
    "tiering/rfm_value": {"never-bought", "S", "A"},
    "tiering/absolute_value": {"S", "B", "C", "never-bought"},
    "tiering/membership_card": {
        *("A-purchases", "A-brings-others", "B-villa", "B-purchases", "B-buyer-of-weight"),
        *("C", "D", "E"),
    },
    "tiering/importance": {"ordinary", "potential"},
    "followup/contact_cadence": {"S", "B"},
    "followup/value_cadence": {"high"},
    "followup/survey": {"on-target"},
    "followup/care": {"birthday", "festival", "product-updates"},
    "followup/win_back": {"key-customer-has-left", "fewer-orders"},
    "followup/hand_over": {"promising-C"},
    "followup/visit_record": {"complete", "incomplete", "without-the-reason"},
    "followup/visit_success": {"met", "otherwise"},
    "followup/data_checks": {"data-check", "roll-up", "summary"},
    "service_levels/service_kind": {"promised-free"},
    "service_levels/complaint": {"close"},
    "service_levels/delivery": {"formalities-missing", "delivered-late", "overdue"},
    "service_levels/response_times": set(),
    "rewards/data_quality": set(),
    "rewards/customer_rewards": set(),
    "rewards/cash_handling": {"today", "in-order"},
    "rewards/conduct": {"serious", "serious-again"},
    "rewards/grouping_assessment": set(),
    "rewards/incentives": set(),
    "rewards/kpi_review": {
        *("sales-attainment", "retention", "repurchase", "sales-cycle", "satisfaction", "online-channel"),
        "market-share",
    },
    "rewards/negligence_fine": {"fine"},
    "rewards/penalties": set(),
    "rewards/period_targets": set(),
    "rewards/person_targets": set(),
    "rewards/staff_rewards": set(),
    "rewards/trial_period": {"trial", "regular"},
    "governance/sign_off": set(),
    "governance/overrides": set(),
}
"""Rules that add nothing to the regulation. Every other one reads it in a way of ours, or sets a figure of ours."""

UNTITLED = {("governance/sign_off", "1.0.0")}
"""Versions from before titles."""
OURS = {"zh": re.compile("解释|由本公司自定"), "en": re.compile(r"\binterpretation\b|\bour own figures?\b")}
TIERS = frozenset("SABC")
CITED = re.compile(r"R-[A-Z]+-[A-Z0-9]+")
FOUR = {"C202405001": "A", "C202405002": "S", "C202405003": "B", "C202405004": "C"}


def rules_of(policy: Policy) -> tuple[Rule, ...]:
    return policy.all_rules


def declared(policy: Policy) -> tuple[Fact | Outcome, ...]:
    return (*policy.facts.values(), *policy.outcomes.values())


each_policy = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)


def decided(policy: Policy, example: Example) -> Result:
    as_of = datetime.date.fromisoformat(example.as_of) if example.as_of else AS_OF
    return evaluate(policy, example.facts, as_of)


# ------------------------------------------------------------------------------------------------- examples


def test_every_policy_of_the_first_release_is_there() -> None:
    assert set(AS_WRITTEN) <= set(POLICIES)


@for_each((name, example) for name, policy in POLICIES.items() for example in policy.examples)
def test_an_example_gives_its_outcome_by_its_rule(name: str, example: Example) -> None:
    policy = POLICIES[name]
    match decided(policy, example):
        case Decided(outcome=outcome, rules=rules):
            expected = example.outcome if isinstance(example.outcome, tuple) else (example.outcome,)
            names = list(policy.outcomes)
            assert (example.status, rules) == ("decided", example.rules)
            assert [dict(zip(names, values, strict=True)) for values in outcome] == list(expected)
        case MissingFacts(names=missing):
            assert (example.status, missing) == ("missing_facts", example.missing)
        case NoRuleMatched():
            assert example.status == "no_rule_matched"
        case Conflict():
            assert example.status == "conflict"


@pytest.mark.parametrize("name", ["tiering/rfm_value", "tiering/absolute_value"])
def test_the_regulations_own_four_customers_come_first_and_come_out_as_it_says(name: str) -> None:
    policy = POLICIES[name]
    examples = policy.examples[: len(FOUR)]
    assert [example.name for example in examples] == list(FOUR)
    for example in examples:
        assert example.source == ("R-RFM-6",)
        result = decided(policy, example)
        assert isinstance(result, Decided)
        assert (result.outcome, result.rules) == (((FOUR[example.name],),), (FOUR[example.name],))


@for_each(zip(POLICIES.values()))
def test_every_rule_decides_an_example(policy: Policy) -> None:
    results = [decided(policy, example) for example in policy.examples]
    used = {rule for result in results if isinstance(result, Decided) for rule in result.rules}
    assert used == {rule.id for rule in rules_of(policy)}


@for_each(zip(POLICIES.values()))
def test_an_example_shows_what_happens_when_a_fact_is_missing_where_one_can_be(policy: Policy) -> None:
    is_shown = any(example.status == "missing_facts" for example in policy.examples)
    assert is_shown != all(fact.optional for fact in policy.facts.values())


# ------------------------------------------------------------------------------------- citations and reasons


@for_each(zip(POLICIES.values()))
def test_a_policy_cites_rows_of_the_regulation(policy: Policy) -> None:
    reasons = " ".join(rule.because.zh + rule.because.en for rule in rules_of(policy))
    cited = {*policy.source, *(row for example in policy.examples for row in example.source)}
    assert policy.source
    assert {*cited, *CITED.findall(reasons)} <= ROWS
    assert set(CITED.findall(reasons)) <= set(policy.source)


@for_each((name, rule) for name, policy in POLICIES.items() for rule in rules_of(policy))
def test_a_rule_cites_its_row_or_says_that_it_is_ours_in_both_languages(name: str, rule: Rule) -> None:
    ours = rule.id not in AS_WRITTEN[name]
    arguments = {language: bool(sign.search(getattr(rule.because, language))) for language, sign in OURS.items()}
    assert arguments == {"zh": ours, "en": ours}
    assert CITED.findall(rule.because.zh) == CITED.findall(rule.because.en)
    assert ours or CITED.search(rule.because.en)


@for_each(zip(POLICIES.values()))
def test_everything_a_person_reads_is_in_chinese_and_in_english(policy: Policy) -> None:
    words_of: list[Bilingual | None] = [policy.title, policy.notes]
    words_of += [fact.title for fact in policy.facts.values()]
    words_of += [outcome.title for outcome in policy.outcomes.values()]
    words_of += [title for item in declared(policy) for title in item.words.values()]
    words_of += [rule.because for rule in rules_of(policy)]
    if (policy.id, policy.version) not in UNTITLED:
        words_of += [rule.title for rule in rules_of(policy)]
        words_of += [example.title for example in policy.examples]
    words_of += [invariant.says for invariant in policy.invariants]
    for words in words_of:
        assert words is not None, "a policy has notes, and every fact, outcome, rule and example a title"
        assert re.search("[一-鿿]", words.zh), words
        assert not re.search("[一-鿿，。；：（）]", words.en), words


LONGEST_TITLE = 70
"""Characters of a title that a column and a heading have room for."""


@for_each(product(POLICIES.values(), ["zh", "en"]))
def test_a_title_is_short_and_no_other_rule_or_example_has_it(policy: Policy, language: str) -> None:
    if (policy.id, policy.version) in UNTITLED:
        return
    for titled in (rules_of(policy), policy.examples):
        titles = [getattr(each.title, language) for each in titled]
        assert len(set(titles)) == len(titles), titles
        assert all(len(title) <= LONGEST_TITLE and not title.endswith((".", "。")) for title in titles), titles


@for_each(zip(POLICIES.values()))
def test_what_a_policy_is_about_has_a_name_in_chinese(policy: Policy) -> None:
    assert policy.subject in KIND_LABELS_ZH


@for_each(zip(POLICIES.values()))
def test_every_word_has_a_title_but_the_tiers_which_are_their_own(policy: Policy) -> None:
    for item in declared(policy):
        words = item.type.of if isinstance(item.type, ChoiceType | TagsType) else ()
        assert set(item.words) == set(words) - TIERS or set(item.words) == set(words)


@for_each(zip(POLICIES.values()))
def test_a_fact_that_another_policy_decides_is_the_same_word_for_word(policy: Policy) -> None:
    for fact in policy.facts.values():
        if fact.requirement is not None:
            outcome = POLICIES[fact.requirement.policy].outcomes[fact.requirement.outcome]
            assert (fact.type, fact.title, fact.words) == (outcome.type, outcome.title, outcome.words)


def test_an_example_agrees_with_the_policies_that_it_takes_from() -> None:
    """So a request with its facts is not refused for what another policy decides of the same facts."""
    compared = 0
    for policy in POLICIES.values():
        for fact in (fact for fact in policy.facts.values() if fact.requirement is not None):
            assert fact.requirement is not None
            source = POLICIES[fact.requirement.policy]
            for example in (example for example in policy.examples if fact.name in example.facts):
                result = decided(source, example)
                if isinstance(result, Decided):
                    place = list(source.outcomes).index(fact.requirement.outcome)
                    assert result.outcome[0][place] == example.facts[fact.name], (policy.id, example.name)
                    compared += 1
    assert compared > 10


def test_a_fact_means_the_same_in_every_policy() -> None:
    """A request names a fact once, and every policy that reads it takes the same values by the same words."""
    meanings: dict[str, set[str]] = {}
    for fact in (fact for policy in POLICIES.values() for fact in policy.facts.values()):
        meanings.setdefault(fact.name, set()).add(f"{fact.type} {fact.title} {dict(fact.words)}")
    assert {name: kinds for name, kinds in meanings.items() if len(kinds) > 1} == {}


# ------------------------------------------------------------------------------------- every possible subject


@cache
def grid(name: str) -> tuple[Block, ...]:
    return tuple(blocks(POLICIES[name]))


@each_policy
def test_every_subject_gets_exactly_one_answer(policy: Policy) -> None:
    for block in grid(policy.id):
        for point, result in block.results.items():
            assert isinstance(result, Decided), (block.facts(point), result)
            assert len(result.outcome) == 1 or policy.returns_list


@each_policy
def test_the_grid_reaches_every_rule(policy: Policy) -> None:
    results = (result for block in grid(policy.id) for result in block.results.values())
    used = {rule for result in results if isinstance(result, Decided) for rule in result.rules}
    assert used == {rule.id for rule in rules_of(policy)}


def each_monotone_law() -> Iterator[object]:
    for policy in POLICIES.values():
        for invariant in policy.invariants:
            if isinstance(invariant.law, Monotone):
                yield pytest.param(policy, invariant.law, id=f"{policy.id}:{invariant.id}")


@for_each(zip(POLICIES.values()))
def test_a_policy_promises_to_be_total(policy: Policy) -> None:
    assert "total" in {invariant.id for invariant in policy.invariants}


@each_policy
def test_what_always_holds_holds_for_every_subject(policy: Policy) -> None:
    laws = [(each.id, each.law) for each in policy.invariants if isinstance(each.law, Always)]
    for block in grid(policy.id) if laws else ():
        for point, result in block.results.items():
            assert isinstance(result, Decided)
            scope = scope_of(policy, block.facts(point), block.as_of)
            outcome = {**scope, **outcome_of(policy, result)}
            for name, law in laws:
                assert not holds(law.when, scope) or holds(law.always, outcome), (name, block.facts(point), result)


def outcome_of(policy: Policy, result: Decided) -> Mapping[str, Exact]:
    pairs = zip(policy.outcomes.values(), result.outcome[0], strict=True)
    return {outcome.name: to_exact(outcome.type, stored) for outcome, stored in pairs}


@pytest.mark.parametrize(("policy", "law"), [*each_monotone_law()])
def test_a_fact_that_moves_one_way_moves_the_outcome_no_other_way(policy: Policy, law: Monotone) -> None:
    changed = list(policy.facts).index(law.fact)
    result = list(policy.outcomes).index(law.outcome)
    kind = policy.outcomes[law.outcome].type
    for block in grid(policy.id):
        steps = [step for step in block.axes[law.fact] if step is not None]
        others = [(None,) if name == law.fact else axis for name, axis in block.axes.items()]
        for other in product(*others):
            line = [(*other[:changed], step, *other[changed + 1 :]) for step in steps]
            for before, after in pairwise(line if law.rising else line[::-1]):
                low, high = (block.results[point] for point in (before, after))
                assert isinstance(low, Decided)
                assert isinstance(high, Decided)
                gain = rank(kind, high.outcome[0][result]) - rank(kind, low.outcome[0][result])
                assert gain >= 0 if law.never_lowers else gain <= 0, (block.facts(before), block.facts(after))


# ------------------------------------------------------------------------------------------ grids and crossings


def test_response_times_are_a_grid_that_decides_what_the_table_before_it_did() -> None:
    before, policy = (policy for policy in SHIPPED if policy.id == "service_levels/response_times")
    assert policy.cross is not None
    assert len(policy.cross.cells) == len(policy.cross.rows) * len(policy.cross.columns) == 12
    assert [(rule.id, rule.when, rule.then) for rule in policy.rules] == [
        (rule.id, rule.when, rule.then) for rule in before.rules
    ]


def test_the_cross_groups_are_what_the_statement_in_their_notes_makes() -> None:
    policy = POLICIES["tiering/cross_group"]
    assert policy.notes is not None
    [statement] = re.findall("：(.+?)。组名", policy.notes.zh)
    heading = Heading(policy.id, policy.version, policy.source)
    assert write_cross_groups(statement, heading, tuple(POLICIES.values())) == policy.text
