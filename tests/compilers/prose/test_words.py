"""Words for single things: figures, dates, durations, kinds, titles and what an author may put in them."""

from __future__ import annotations

import datetime
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_service.compilers.prose import (
    Table,
    explain,
    explanation,
    markdown,
    no_other_rule,
    origin_in_words,
    sentence,
    table,
    type_in_words,
    value_in_words,
)
from policy_service.compilers.prose.chinese import Chinese, join_spaced
from policy_service.compilers.prose.english import English
from policy_service.compilers.prose.figures import escape_text, group_thousands, percent, printable_line
from policy_service.compilers.prose.table import one_line, width
from policy_service.language.ast import Comparison, Constant, Name
from policy_service.language.functions import ROUNDING_FUNCTIONS
from policy_service.language.policy import Aggregate, Bilingual, Hit, Rule
from policy_service.language.types import (
    CURRENCIES,
    ChoiceType,
    DateType,
    Duration,
    DurationType,
    Months,
    NumberType,
    TagsType,
    TextType,
    Type,
    Value,
)
from tests.compilers.prose.pages import written_policy
from tests.shipped import NEWEST

ENGLISH, CHINESE = English(), Chinese()


@pytest.mark.parametrize(
    ("kind", "value", "en", "zh"),
    [
        (NumberType("money", 2, currency="CNY"), 100000000, "CNY 1,000,000.00", "1,000,000.00 元"),
        (NumberType("money", 0, currency="JPY"), -5000, "JPY -5,000", "-5,000 日元"),
        (NumberType("number", 4), 9500, "0.95", "0.95"),
        (NumberType("integer"), -1234, "-1,234", "-1,234"),
        (DateType(), datetime.date(2026, 11, 1).toordinal(), "1 November 2026", "2026年11月1日"),
        (DurationType(), 0, "0 days", "0 天"),
        (DurationType(), -86_400, "minus 1 day", "负 1 天"),
        (DurationType(), 90_061, "1 day 1 hour 1 minute 1 second", "1 天 1 小时 1 分钟 1 秒"),
        (TagsType(("a", "b")), frozenset("ba"), "a, b", "a、b"),
        (TagsType(("a", "b")), frozenset(), "none", "无"),
        (TextType(), "it's", '"it\'s"', '"it\'s"'),
    ],
)
def test_a_value_is_told_as_people_write_it(kind: Type, value: Value, en: str, zh: str) -> None:
    assert value_in_words(kind, value, "en") == en
    assert value_in_words(kind, value, "zh") == zh


@pytest.mark.parametrize(
    ("count", "en", "zh"),
    [
        (1, "1 month", "1 个月"),
        (24, "2 years", "2 年"),
        (18, "18 months", "18 个月"),
        (-3, "minus 3 months", "负 3 个月"),
    ],
)
def test_months_are_told_in_years_when_they_fill_them(count: int, en: str, zh: str) -> None:
    assert ENGLISH.months(count) == en
    assert CHINESE.months(count) == zh


def test_a_kind_tells_its_bounds() -> None:
    assert type_in_words(NumberType("integer", high=5), "en") == "whole number, at most 5"
    assert type_in_words(DateType(high=730_000), "en") == "date, not after 3 September 1999"
    assert type_in_words(DateType(high=730_000), "zh") == "日期，不晚于 1999年9月3日"


def test_a_fact_tells_where_it_comes_from() -> None:
    facts = next(policy for policy in NEWEST if policy.id == "followup/contact_cadence").facts
    assert origin_in_words(facts["tier"], "zh") == "政策 `tiering/rfm_value` 的结果 `tier`"
    given = next(policy for policy in NEWEST if policy.id == "tiering/rfm_value").facts["recency_days"]
    assert not origin_in_words(given, "en")


def test_a_kind_tells_each_word_once_and_the_title_beside_it() -> None:
    kind = ChoiceType(("S", "sales", "it's"))
    titles = {"sales": Bilingual("销售总监", "sales"), "it's": Bilingual("信息技术", "IT")}
    assert type_in_words(kind, "zh", titles) == '以下之一：S、销售总监（sales）、信息技术（"it\'s"）'
    assert type_in_words(kind, "en", titles) == 'one of S, sales, IT ("it\'s")'
    assert value_in_words(kind, "sales", "zh", titles) == "销售总监"
    assert value_in_words(TagsType(kind.of), frozenset(kind.of), "zh", titles) == "S、销售总监、信息技术"


words_and_titles = st.dictionaries(st.text(min_size=1), st.none() | st.text(min_size=1), min_size=2, max_size=6)


@given(words_and_titles, st.sampled_from(["one", "two"]))
def test_different_words_of_one_list_differ_whatever_their_titles(
    given_titles: dict[str, str | None], same: str
) -> None:
    titles = {word: Bilingual(title, same) for word, title in given_titles.items() if title is not None}
    kind = ChoiceType(tuple(given_titles))
    for lang in ("zh", "en"):
        assert len({value_in_words(kind, word, lang, titles) for word in kind.of}) == len(kind.of)


@pytest.mark.parametrize("word", ["S, A", "S; A", "not S", "one of S", "given", "any", "it's", "a  b", "“S”"])
def test_words_that_read_as_another_condition_are_quoted(word: str) -> None:
    assert type_in_words(ChoiceType(("S", word)), "en").startswith("one of ‘S’, ")


@pytest.mark.parametrize("word", ["S、A", "不为 S", "未提供", "不限", "与 S 相同", "S、A 之一"])
def test_words_that_read_as_another_condition_in_chinese_are_quoted(word: str) -> None:
    assert type_in_words(ChoiceType(("S", word)), "zh").startswith("以下之一：“S”、")


def test_every_currency_has_its_unit() -> None:
    for currency in CURRENCIES:
        assert CHINESE.number(Fraction(1), currency) != CHINESE.number(Fraction(1))


def test_every_way_of_rounding_has_words_of_its_own() -> None:
    for words in (ENGLISH, CHINESE):
        results = {words.rounding(way, "x", places) for way in ROUNDING_FUNCTIONS.values() for places in range(7)}
        assert len(results) == len({*ROUNDING_FUNCTIONS.values()}) * 7


@given(st.fractions(max_denominator=10**6))
def test_figures_lose_nothing(value: Fraction) -> None:
    assert Fraction(group_thousands(value).replace(",", "")) == value
    assert Fraction(group_thousands(value, 2).replace(",", "")) == value


@given(st.fractions(max_denominator=10**4))
def test_a_percentage_is_exact(value: Fraction) -> None:
    result = percent(value)
    assert result is None or Fraction(result.removesuffix("%")) / 100 == value


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_different_lengths_of_time_differ_in_words(one: int, other: int) -> None:
    for words in (ENGLISH, CHINESE):
        assert (words.duration(Fraction(one)) == words.duration(Fraction(other))) == (one == other)
        assert (words.months(one) == words.months(other)) == (one == other)


@given(st.text(), st.text())
def test_different_words_differ_when_quoted(one: str, other: str) -> None:
    for words in (ENGLISH, CHINESE):
        assert (words.word(one) == words.word(other)) == (one == other)
        assert words.word(one).isprintable()


def test_what_cannot_be_seen_is_shown() -> None:
    assert printable_line("a\u202eb\n\tc") == "a\\u202eb c"
    assert escape_text('a\n"') == '"a\\n\\""'
    assert escape_text("\u202e") == '"\\u202e"'
    assert one_line("<b>R < 30</b><!-- x") == "\\<b>R < 30\\</b>\\<!-- x"


def test_chinese_stands_apart_from_western_figures_only() -> None:
    assert join_spaced("大于", "30", "天") == "大于 30 天"
    assert join_spaced("大于", "「a」", "") == "大于「a」"
    assert join_spaced("", "x") == "x"


def test_columns_stand_one_under_another() -> None:
    lines = markdown(Table(("名", "b|c"), (("甲", "x\ny"), ("a", "")))).splitlines()
    assert lines == ["| 名  | b\\|c |", "| --- | ---- |", "| 甲  | x y  |", "| a   |      |"]
    assert len({width(line) for line in lines}) == 1


def test_titles_that_could_be_mistaken_carry_their_names() -> None:
    policy = written_policy("conditions")
    assert sentence(Name(name="safe"), policy, "en") == "“same title `safe`” is yes"
    assert sentence(Name(name="unknown"), policy, "en") == "“unknown” is yes"
    quoting = replace(policy.facts["yes"], title=Bilingual("甲」为「乙", "a” is “b"))
    result = replace(policy, facts={**policy.facts, "yes": quoting})
    assert sentence(Name(name="yes"), result, "en") == "“a’ is ‘b” is yes"
    assert sentence(Name(name="yes"), result, "zh") == "「甲』为『乙」为“是”"


def test_a_literal_of_any_kind_has_words() -> None:
    words: dict[Fraction | str | datetime.date | Duration | Months, str] = {
        Fraction(1, 3): "1/3",
        "a": "‘a’",
        datetime.date(2026, 1, 2): "2 January 2026",
        Duration(Fraction(60)): "1 minute",
        Months(1): "1 month",
    }
    policy = written_policy("conditions")
    for literal, result in words.items():
        same = Constant(value=literal)
        assert result in sentence(Comparison(comparator="=", left=same, right=same), policy, "en")


def test_notes_cannot_pass_for_a_heading_or_a_rule() -> None:
    policy = replace(written_policy("bonus"), notes=Bilingual("一\n\n## 规则", "one\n## The rules\n\n<!-- gone"))
    assert explanation(policy, "en").notes == ("one ## The rules", "<!-- gone")
    assert "\n> one ## The rules\n>\n> \\<!-- gone\n" in explain(policy, "en")
    assert "\n> 一\n>\n> ## 规则\n" in explain(policy, "zh")


def test_a_policy_without_required_facts_does_not_speak_of_them() -> None:
    policy = written_policy("bonus")
    optional = {name: replace(fact, optional=True) for name, fact in policy.facts.items()}
    assert "required fact" not in explain(replace(policy, facts=optional), "en")


def test_a_list_of_single_outcomes_is_told_by_its_values() -> None:
    policy = written_policy("table")
    entry = {"importance": "key"}
    example = replace(policy.examples[0], outcome=(entry, entry))
    result = explanation(replace(policy, hit=Hit.RULE_ORDER, examples=(example,)), "en").examples
    assert result is not None
    assert result.rows[0][-2] == "(1) key; (2) key"


def test_counted_and_chosen_rules_say_what_they_give() -> None:
    policy = written_policy("bonus")
    rule: Rule = replace(policy.rules[2], then=())
    counted = replace(policy, aggregate=Aggregate.COUNT, rules=(rule,))
    assert explanation(counted, "en").rules[0].then == ("it counts as one",)
    assert explanation(counted, "zh").rules[0].then == ("计为一条",)
    assert table(counted, "en").headers == ("Rule", "When")
    least = replace(policy, aggregate=Aggregate.MIN)
    assert explanation(least, "en").rules[2].then == ("it gives for “bonus”: CNY 5,000.00",)


def test_the_rule_otherwise_says_when_it_applies() -> None:
    assert (no_other_rule("zh"), no_other_rule("en")) == ("其他规则均不成立", "no other rule holds")
