"""Chinese and English sentences and tables: the form of a policy that a director reads and signs.

explain(policy, "zh")                  the whole page, Markdown
explanation(policy, "zh")              the same as one frozen value, for pages of another kind
statement(expr, policy, "zh")          a condition as nested groups of clauses
sentence(expr, policy, "zh")           a condition as a sentence with numbered lists; `condition_writer` for many
rule_sentence(rule, policy, "zh")      one rule: when, then, because
table(policy, "zh")                    the rules as a table
cross_table(policy, "zh")              a cross table as its grid
value_in_words(kind, value, "zh")      a kept value that stands alone: `1,000,000.00 元`, `销售总监`
origin_in_words(fact, "zh")            where a fact comes from: `政策 tiering/rfm_value 的结果 tier`
type_in_words(kind, "zh")              a type: `金额（元），最小为 0.00 元`
"""

from collections.abc import Callable, Mapping

from policy_service.compilers.prose.conditions import condition
from policy_service.compilers.prose.context import LANGUAGES, PLAIN_LANGUAGES, context_of, word_labels
from policy_service.compilers.prose.decision import RuleWords, rule_words, rules_table
from policy_service.compilers.prose.declarations import NO_TITLES, origin_text, type_text, value_text
from policy_service.compilers.prose.expectations import InvariantWords
from policy_service.compilers.prose.grid import GridCell, GridLine, GridWords, grid_words
from policy_service.compilers.prose.labels import LABELS
from policy_service.compilers.prose.page import Explanation, explain, explanation
from policy_service.compilers.prose.statement import Clause, ClauseGroup, Statement, outline
from policy_service.compilers.prose.table import Table, markdown
from policy_service.language.ast import Expr
from policy_service.language.policy import Bilingual, Fact, Language, Policy, Rule
from policy_service.language.types import Type, Value


def statement(expression: Expr, policy: Policy, lang: Language) -> Statement:
    """Return a condition over the facts and outcomes of `policy`, as nested groups of clauses.

    Raises:
        TypeError: the expression is not a condition.
    """
    return condition(expression, context_of(policy, lang))


def sentence(expression: Expr, policy: Policy, lang: Language) -> str:
    """Return a condition as a sentence without its full stop; nested conditions follow in numbered lists.

    Raises:
        TypeError: the expression is not a condition.
    """
    return outline(statement(expression, policy, lang), LANGUAGES[lang])


def no_other_rule(lang: Language) -> str:
    """Return the condition of the rule `otherwise`, as a sentence without its full stop."""
    return LABELS[lang].no_other


def condition_writer(policy: Policy, lang: Language) -> Callable[[Expr], str]:
    """Return a function that writes conditions like `sentence`, but looks up the names of `policy` only once."""
    context = context_of(policy, lang)
    return lambda expression: outline(condition(expression, context), LANGUAGES[lang])


def rule_sentence(rule: Rule, policy: Policy, lang: Language) -> str:
    """Return one rule of `policy`: its condition, outcome and reason."""
    words = rule_words(policy, rule, context_of(policy, lang))
    condition_text, then = outline(words.when, LANGUAGES[lang]), LANGUAGES[lang].semicolon.join(words.then)
    if lang == "zh":
        return f"条件：{condition_text}\n结果：{then}。\n理由：{words.because}"
    return f"When {condition_text}\nthen {then}.\nBecause: {words.because}"


def table(policy: Policy, lang: Language) -> Table:
    """Return the rules of `policy` as a table: for a decision table a column per input, else one for the condition."""
    return rules_table(policy, context_of(policy, lang))


def cross_table(policy: Policy, lang: Language) -> GridWords | None:
    """Return the grid of a cross table, None when `policy` is none."""
    return grid_words(policy, context_of(policy, lang))


def value_in_words(kind: Type, value: Value, lang: Language, titles: Mapping[str, Bilingual] = NO_TITLES) -> str:
    """Return a stored value in words, as it stands alone; `titles` are those of a choice's or tags' words."""
    words = PLAIN_LANGUAGES[lang]
    return value_text(kind, value, words, word_labels(kind, titles, words))


def origin_in_words(fact: Fact, lang: Language) -> str:
    """Return the source of a fact in words; empty if the caller supplies it."""
    return origin_text(fact, PLAIN_LANGUAGES[lang])


def type_in_words(kind: Type, lang: Language, titles: Mapping[str, Bilingual] = NO_TITLES) -> str:
    """Return a type in words, with its unit, bounds or choices; `titles` are those of its words."""
    return type_text(kind, LANGUAGES[lang], titles)
