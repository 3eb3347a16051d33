"""The policy that a statement makes: its groups are what the statement says, and keep their names."""

# ruff: noqa: E501  # a case is one line of a table

import datetime
from itertools import permutations, product

import pytest

from policy_service.analysis.example_run import run_examples
from policy_service.cross_groups.policy_file import Heading, write_cross_groups
from policy_service.errors import CrossGroupsRejected
from policy_service.language.diagnostics import PolicyError
from policy_service.language.evaluate import evaluate
from policy_service.language.load import load_bytes
from policy_service.language.outcome import Decided
from policy_service.language.policy import Policy, Requirement
from policy_service.language.requirements import topological_order
from policy_service.language.types import ChoiceType, Value
from tests.shipped import NEWEST

POLICIES = NEWEST
HEADING = Heading("tiering/crossed", "1.0.0", ("R-CROSS-1",))
DAY = datetime.date(2026, 11, 21)


def crossed(statement: str, policies: tuple[Policy, ...] = POLICIES, heading: Heading = HEADING) -> Policy:
    return load_bytes(write_cross_groups(statement, heading, policies).encode())


def groups(policy: Policy) -> dict[tuple[Value, ...], tuple[str, str]]:
    """The group and the rule of every subject there can be, by its facts in the order of their names."""
    names = sorted(policy.facts)
    kinds = [policy.facts[name].type for name in names]
    every: list[tuple[Value, ...]] = [kind.of if isinstance(kind, ChoiceType) else (True, False) for kind in kinds]
    results = {}
    for values in product(*every):
        result = evaluate(policy, dict(zip(names, values, strict=True)), DAY)
        assert isinstance(result, Decided)
        results[values] = (str(result.outcome[0][0]), result.rules[0])
    return results


def test_every_crossing_is_a_group_named_by_its_classes_in_the_order_of_the_dimensions_names() -> None:
    result = groups(crossed("scale × industry × frequency"))
    assert result["high", "it", "large"] == ("high_it_large", "high-it-large")
    assert len(result) == len(set(result.values())) == 7 * 3 * 3


@pytest.mark.parametrize(
    "parts", [("industry(it | others=rest)", "scale", "frequency(high | lower=rest)"), ("scale", "frequency")]
)
def test_the_order_of_the_dimensions_alters_no_group(parts: tuple[str, ...]) -> None:
    made = [groups(crossed(" × ".join(order))) for order in permutations(parts)]
    assert all(each == made[0] for each in made)


def test_a_value_that_is_added_leaves_every_group_and_falls_into_the_rest() -> None:
    more = [
        load_bytes(policy.text.replace("of: [it, manufacturing,", "of: [health, it, manufacturing,").encode())
        for policy in POLICIES
        if policy.id in ("tiering/rfm_value", "tiering/enterprise_scale")
    ]
    before, after = crossed("industry × scale"), crossed("industry × scale", tuple(more))
    assert groups(before).items() <= groups(after).items()
    assert groups(after)["health", "large"] == ("health_large", "health-large")
    merged = crossed("industry(it | others=rest) × scale", tuple(more))
    assert groups(merged)["health", "large"] == ("others_large", "others-large")


def test_a_policy_made_before_the_value_was_added_takes_it_into_the_rest_once_it_declares_it() -> None:
    text = write_cross_groups("industry(it | others=rest) × scale", HEADING, POLICIES)
    later = load_bytes(text.replace("of: [it, manufacturing,", "of: [health, it, manufacturing,").encode())
    assert groups(later)["health", "small"] == ("others_small", "others-small")


def test_merged_values_are_one_class_and_titles_are_those_given_or_the_values_own() -> None:
    policy = crossed("scale(large | middling[中小型/not large]=medium+small) × frequency(high | lower=rest)")
    assert {group for group, _ in groups(policy).values()} == {
        "high_large",
        "lower_large",
        "high_middling",
        "lower_middling",
    }
    words = policy.outcomes["crossed"].words
    assert words["high_middling"].to_dict() == {"zh": "中小型·高频", "en": "not large, high frequency"}
    assert words["lower_large"].to_dict() == {"zh": "大型·中频或低频", "en": "large, mid frequency or low frequency"}


def test_two_dimensions_are_a_cross_table_and_others_a_table() -> None:
    assert crossed("scale × frequency").cross is not None
    assert crossed("scale").cross is None
    assert crossed("scale × frequency × industry").cross is None


def test_an_outcome_is_taken_from_its_policy_and_a_fact_as_it_is_declared() -> None:
    facts = crossed("scale × industry × promising").facts
    assert facts["scale"].requirement == Requirement("tiering/enterprise_scale", "scale")
    assert facts["industry"].requirement is None
    assert not facts["promising"].optional
    named = crossed("tiering/absolute_value.tier × scale").facts["tier"]
    assert named.requirement == Requirement("tiering/absolute_value", "tier")


def test_a_boolean_has_two_classes() -> None:
    result = groups(crossed("promising × scale"))
    assert result[True, "large"] == ("promising_large", "promising-large")
    assert result[False, "large"] == ("not_promising_large", "not_promising-large")
    named = groups(crossed("promising(hot=true | cold=false)"))
    assert named == {(True,): ("hot", "hot"), (False,): ("cold", "cold")}


@pytest.mark.parametrize(
    "statement",
    ["industry × scale × frequency", "promising × scale", "scale", "region(east | elsewhere=rest) × history"],
)
def test_what_is_written_fits_to_the_policies_and_its_examples_pass(statement: str) -> None:
    policy = crossed(statement)
    assert run_examples(policy).passed
    topological_order([*POLICIES, policy])
    assert {rule for example in policy.examples for rule in example.rules or ()} == {rule.id for rule in policy.rules}
    for rule in policy.rules:
        assert "R-CROSS-1" in rule.because.zh
        assert "R-CROSS-1" in rule.because.en


def test_the_notes_have_the_statement_that_makes_the_file_anew() -> None:
    statement = "industry(it | others[其他/others]=rest) × scale"
    policy = crossed(statement.replace(" × ", "*"))
    assert policy.notes is not None
    assert f"：{statement}。" in policy.notes.zh
    assert "cross groups industry(it | others=rest) × scale. " in policy.notes.en
    assert write_cross_groups(statement, HEADING, POLICIES) == policy.text


@pytest.mark.parametrize(
    ("statement", "faults"),
    [
        ("tier", ["`tier` may be any of `tiering/absolute_value.tier`, `tiering/rfm_value.tier`: name one of them"]),
        ("regoin", ["no policy has a fact or an outcome `regoin`: did you mean `region`?"]),
        ("tiering/regoin.region", ["unknown policy `tiering/regoin`: did you mean `tiering/region`?"]),
        ("amount_12m", ["`amount_12m` is an amount in CNY with at most 2 decimals, at least 0.00, and has no classes: a dimension is a choice or a boolean; make classes of it by a policy of its own"]),
        ("tiering/need_tags.need", ["`tiering/need_tags.need` is a list, and a subject has one value in each dimension"]),
        ("scale(large | big=larg)", ["`scale` has no value `larg`: did you mean `large`?", "no class of `scale` has medium, small: name them, or add a class `others=rest`"]),
        ("scale(large | big=large+small | others=rest)", ["`large` of `scale` is in two classes"]),
        ("scale(a=large | a=rest)", ["two classes of `scale` are called `a`"]),
        ("scale(a=large | b=rest | c=rest)", ["`scale` has two classes for the rest"]),
        ("scale(large | medium | small | c=rest)", ["`scale` has no values left for the rest"]),
        ("scale × scale", ["two dimensions are called `scale`"]),
        ("scale × fault", ["the dimensions are about different subjects: customer, salesperson"]),
        ("regoin × tier", ["no policy has a fact or an outcome `regoin`: did you mean `region`?", "`tier` may be any of `tiering/absolute_value.tier`, `tiering/rfm_value.tier`: name one of them"]),
        ("industry × scale × frequency × history × tiering/rfm_value.tier", ["industry (7) × scale (3) × frequency (3) × history (5) × tier (4) come to 1,260 groups, at most 500 are allowed: merge classes, `others=rest`"]),
        ("scale(大=large | others=rest)", ["`大` of `scale` cannot stand in the name of a group: write `name=大`, the name in letters, digits and . _ + -"]),
        (f"scale({'a' * 60}=large | others=rest) × frequency", [f"`high_{'a' * 55}… (65 characters)` has more than 64 characters: give classes shorter names"]),
        ("scale(a_b=large | a=rest) × frequency(c=high | b_c=rest)", []),
        ("frequency(a_b=high | a=rest) × scale(c=large | b_c=rest)", ["2 groups are called `a_b_c`: give their classes other names"]),
    ],
)  # fmt: skip
def test_every_reason_why_there_is_no_policy_is_told(statement: str, faults: list[str]) -> None:
    if not faults:
        assert len(crossed(statement).rules) == 4
        return
    with pytest.raises(CrossGroupsRejected) as refused:
        crossed(statement)
    assert list(refused.value.errors) == faults


def test_a_heading_that_is_none_is_told_with_the_rest() -> None:
    with pytest.raises(CrossGroupsRejected) as refused:
        crossed("regoin", heading=Heading("tiering/x\nfacts: {}", "one", ("R 1\n",)))
    assert list(refused.value.errors) == [
        "`tiering/x\nfacts: {}` names no policy: write `<domain>/<policy>`, e.g. `tiering/my_groups`",
        "`one` is no version: write `1.0.0`",
        "`R 1\n` is no citation: write `R-CROSS-1`",
        "no policy has a fact or an outcome `regoin`: did you mean `region`?",
    ]


def test_what_only_the_whole_file_shows_is_told_as_in_any_policy_file() -> None:
    with pytest.raises(PolicyError, match="`scale` is a fact already"):
        crossed("scale", heading=Heading("tiering/scale"))


def test_the_policy_itself_is_no_source_of_its_dimensions() -> None:
    [shipped] = [policy for policy in NEWEST if policy.id == "tiering/cross_group"]
    with pytest.raises(CrossGroupsRejected, match="no policy has"):
        crossed("cross_group", (shipped,), Heading("tiering/cross_group", "2.0.0"))
