"""The law of sentences: conditions that differ for some subject are never told in the same words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_service.compilers.prose import condition_writer, cross_table, rule_sentence, sentence, table
from policy_service.compilers.prose.conditions import condition
from policy_service.compilers.prose.context import LANGUAGES, context_of
from policy_service.compilers.prose.statement import inline
from policy_service.compilers.prose.values import outcome_value
from policy_service.language.ast import And, Comparison, Expr, Not, Or
from policy_service.language.load import load_bytes
from policy_service.language.parser import parse
from policy_service.language.policy import Language
from tests.compilers.prose.expressions import ATOMS, computations, conditions, meaning, results
from tests.compilers.prose.pages import written_policy
from tests.effort import sample

POLICY = written_policy("conditions")
EVERY_LANGUAGE: tuple[Language, ...] = get_args(Language)
CONTEXTS = {lang: context_of(POLICY, lang) for lang in EVERY_LANGUAGE}


def one_line(expression: Expr, lang: Language) -> str:
    return inline(condition(expression, CONTEXTS[lang]), LANGUAGES[lang])


def shared(expressions: Iterable[Expr], lang: Language) -> list[str]:
    """Sentences that tell of conditions with different meanings."""
    matches: dict[str, set[Expr]] = defaultdict(set)
    for expression in expressions:
        matches[one_line(expression, lang)].add(expression)
    return [text for text, same in matches.items() if len(same) > 1 and len({*map(meaning, same)}) > 1]


@pytest.mark.parametrize("lang", EVERY_LANGUAGE)
def test_different_conditions_never_share_a_sentence(lang: Language) -> None:
    assert shared(sample(conditions(), 3), lang) == []


@pytest.mark.parametrize("lang", EVERY_LANGUAGE)
def test_different_computations_never_share_a_sentence(lang: Language) -> None:
    assert shared(sample(computations(), 3), lang) == []


@pytest.mark.parametrize("lang", EVERY_LANGUAGE)
def test_lists_and_lines_tell_the_same_conditions_apart(lang: Language) -> None:
    few = list(conditions())[::7]
    assert len({*map(condition_writer(POLICY, lang), few)}) == len({one_line(one, lang) for one in few})


@pytest.mark.parametrize("lang", EVERY_LANGUAGE)
@pytest.mark.parametrize("unit", ["", "CNY"])
def test_different_results_never_share_words(lang: Language, unit: str) -> None:
    matches: dict[str, set[Expr]] = defaultdict(set)
    for expression in sample(computations(), 3):
        assert isinstance(expression, Comparison)
        matches[outcome_value(expression.left, CONTEXTS[lang], unit)].add(expression.left)
    assert [text for text, same in matches.items() if len(same) > 1 and len({*map(results, same)}) > 1] == []


TREES = st.recursive(
    st.sampled_from([parse(text) for text in ATOMS]),
    lambda parts: st.one_of(
        st.builds(lambda part: Not(operand=part), parts),
        st.builds(lambda some: And(operands=tuple(some)), st.lists(parts, min_size=2, max_size=4)),
        st.builds(lambda some: Or(operands=tuple(some)), st.lists(parts, min_size=2, max_size=4)),
        st.builds(lambda one, two: Comparison(comparator="=", left=one, right=two), parts, parts),
    ),
    max_leaves=12,
)


def regrouped(expression: Expr) -> Iterable[Expr]:
    """Conditions that look much like `expression` and mostly mean something else."""
    match expression:
        case And(operands=parts) | Or(operands=parts):
            other = Or if isinstance(expression, And) else And
            yield other(operands=parts)
            yield type(expression)(operands=parts[1:] if len(parts) > 2 else (*parts, *parts))
            yield other(operands=(type(expression)(operands=parts[:2]), *parts[2:], parts[0]))
            for index, part in enumerate(parts):
                for changed in regrouped(part):
                    yield type(expression)(operands=(*parts[:index], changed, *parts[index + 1 :]))
        case Not(operand=operand):
            yield operand
            yield from (Not(operand=changed) for changed in regrouped(operand))
        case _:
            yield Not(operand=expression)


@given(tree=TREES, lang=st.sampled_from(EVERY_LANGUAGE))
def test_what_looks_alike_but_differs_is_told_apart(tree: Expr, lang: Language) -> None:
    assert shared([tree, *list(regrouped(tree))[:12]], lang) == []


@given(tree=TREES, lang=st.sampled_from(EVERY_LANGUAGE))
def test_a_negated_condition_reads_like_any_other(tree: Expr, lang: Language) -> None:
    assert one_line(Not(operand=Not(operand=tree)), lang) == one_line(tree, lang)
    assert one_line(Not(operand=tree), lang) != one_line(tree, lang)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("count between 3 and 5", "count in [3..5]"),
        ("30 > count", "count < 30"),
        ("not(count < 30)", "count >= 30"),
        ('kind in ("it")', 'kind = "it"'),
        ('list contains(needs, "it")', '"it" in needs'),
        ("yes = true", "yes"),
        ("(yes and sure) and safe", "yes and (sure and safe)"),
        ("not(yes and sure)", "not(yes) or not(sure)"),
        ("0.5 * rate > 1", "rate * 0.5 > 1"),
        ("round(rate, 1) > 1", "round half up(rate, 1) > 1"),
    ],
)
def test_two_ways_to_write_one_condition_read_the_same(one: str, other: str) -> None:
    for lang in EVERY_LANGUAGE:
        assert sentence(parse(one), POLICY, lang) == sentence(parse(other), POLICY, lang)
        assert condition_writer(POLICY, lang)(parse(one)) == sentence(parse(one), POLICY, lang)


def test_a_value_is_no_sentence_and_a_condition_is_no_value() -> None:
    for text in ("count + 1", "3", "count(needs)", "-count", "as_of.year"):
        with pytest.raises(TypeError, match="a value stands where a condition is expected"):
            sentence(parse(text), POLICY, "en")
    assert sentence(parse("as_of + 1 > as_of"), POLICY, "en") == "the day of decision + 1 is after the day of decision"
    for text in ("(yes and sure) + 1 > 2", "true + 1 > 2", 'contains(remark, "it") + 1 > 2'):
        with pytest.raises(TypeError, match="a condition stands where a value is expected"):
            sentence(parse(text), POLICY, "en")


@pytest.mark.parametrize(
    ("text", "en", "zh"),
    [
        ('kind = "retail"', "“industry” is retail trade", "「行业」为“零售”"),
        ('kind = "it"', "“industry” is IT", "「行业」为“维修”（it）"),
        ('kind = "维修"', "“industry” is 维修", "「行业」为“维修”（维修）"),
        (
            'wish in ("it", "other")',
            "“wish” is one of ‘anything’ (it), ‘anything’ (other)",
            "「意向」为零售、其他之一",
        ),
        ('wish != "retail"', "“wish” is not ‘retail’", "「意向」不为 retail"),
        ('"it" in needs', "“need tags” contains the tag ‘computers’", "「需求标签」包含标签“信息化”"),
        ('remark = "it"', "“remark” is ‘it’", "「备注」为“it”"),
    ],
)
def test_a_word_is_told_by_its_title(text: str, en: str, zh: str) -> None:
    assert one_line(parse(text), "en") == en
    assert one_line(parse(text), "zh") == zh


def test_one_word_of_two_lists_is_told_as_each_of_them_calls_it() -> None:
    result = one_line(parse('"it" in (kind, wish)'), "en")
    assert result == "at least one of the following holds: (1) “industry” is IT; (2) “wish” is ‘anything’ (it)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("min(500 * count, 10000)", "(CNY 500.00 × “number of times”), but at most CNY 10,000.00"),
        ("count * 500 * level", "“number of times” × CNY 500.00 × “level”"),
        ("(count + 1) * 500 / 2", "(“number of times” + 1) × CNY 500.00 ÷ 2"),
        ("count / 2 * 500", "(“number of times” ÷ 2) × CNY 500.00"),
        ("500 / level + count * rate", "CNY 500.00 ÷ “level” + “number of times” × “rate”"),
    ],
)
def test_an_amount_made_of_plain_numbers_has_one_factor_that_is_an_amount(text: str, message: str) -> None:
    assert outcome_value(parse(text), context_of(POLICY, "en"), "CNY") == message


def test_a_rule_is_one_sentence() -> None:
    policy = written_policy("table")
    assert rule_sentence(policy.rules[1], policy, "en") == (
        "When all of the following hold:\n"
        "1. “days without an order” is given, and is less than 30\n"
        "2. “purchases a year” is more than 1.5 times “industry mean”\n"
        "then “importance” is key.\n"
        "Because: Large and recent."
    )
    assert rule_sentence(policy.rules[0], policy, "zh") == (
        "条件：「未下单天数」未提供\n结果：「重要程度」为 potential。\n理由：从未下单。"
    )


def test_free_rules_and_scorecards_have_tables_too() -> None:
    assert table(written_policy("bonus"), "en").rows[2] == (
        "`fixed`",
        "“new customers” is at least 50",
        "CNY 5,000.00",
    )
    assert table(written_policy("scorecard"), "zh").headers == ("规则", "条件", "分值")
    assert table(written_policy("scorecard"), "en").rows[1][2] == "2.5 times “orders”, but at most 25"


def test_a_cross_table_is_told_as_its_grid() -> None:
    grid = cross_table(written_policy("cross_table"), "en")
    assert grid is not None
    assert grid.table.headers == ("tier ↓ days without an order →", "not given", "less than 30", "at least 30")
    assert grid.table.rows[1] == ("not S", "—", "sales; 90 days", "sales; 30 days")
    assert [cell.rule for _, cells in grid.rows for cell in cells][:4] == ["S-never", "S-recent", "S-silent", None]
    assert grid.legend.endswith("“—” stands where no rule is.")
    assert cross_table(written_policy("table"), "en") is None


def test_a_line_that_asks_nothing_says_so() -> None:
    text = written_policy("cross_table").text.replace("when: 'not(\"S\")'", 'when: "-"')
    grid = cross_table(load_bytes(text.encode()), "en")
    assert grid is not None
    assert [row.head for row, _ in grid.rows] == ["S", "any"]
