"""What the names of one policy stand for: their titles in one language, their types, the sort of every value.

Two names never have the same title: where the author gave one title twice, the name itself is added to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from policy_service.compilers.prose.chinese import Chinese
from policy_service.compilers.prose.english import English
from policy_service.compilers.prose.vocabulary import Sort, Vocabulary
from policy_service.language.ast import (
    And,
    Arithmetic,
    Call,
    Comparison,
    Constant,
    Expr,
    In,
    IsMissing,
    Name,
    Negation,
    Not,
    Or,
    Property,
)
from policy_service.language.functions import TAG_FUNCTIONS, TEXT_TESTS
from policy_service.language.policy import AS_OF, SCORE, Fact, Language, Outcome, Policy
from policy_service.language.types import (
    BooleanType,
    ChoiceType,
    DateType,
    Duration,
    DurationType,
    Months,
    NumberType,
    TagsType,
    TextType,
    Type,
)

LANGUAGES: Mapping[Language, Vocabulary] = {"zh": Chinese(), "en": English()}
CONDITIONS = TEXT_TESTS | (TAG_FUNCTIONS - {"count"})
"""The functions that answer yes or no."""
YEAR = "year"
_NO_QUOTES = str.maketrans("“”「」`", "‘’『』'")


@dataclass(frozen=True, slots=True)
class Context:
    """The names of a policy, in one language."""

    words: Vocabulary
    types: Mapping[str, Type]
    titles: Mapping[str, str]
    """Each name's title as a column's heading has it, without quotation marks."""

    def title(self, name: str) -> str:
        """What a sentence calls a fact, an outcome, the day of decision or the score."""
        if name == AS_OF:
            return self.words.as_of
        if name == SCORE:
            return self.words.score
        return self.words.title(self.titles.get(name, name))


def context_of(policy: Policy, lang: Language) -> Context:
    """The context of every expression of `policy`: its facts and outcomes, `as_of` and `score`."""
    words = LANGUAGES[lang]
    declared: dict[str, Fact | Outcome] = {**policy.facts, **policy.outcomes}
    titles = {name: words.unfold(words.of(item.title)).translate(_NO_QUOTES) for name, item in declared.items()}
    uses = Counter(titles.values())
    types: dict[str, Type] = {name: item.type for name, item in declared.items()}
    types[AS_OF] = DateType()
    if policy.scorecard is not None:
        types[SCORE] = policy.scorecard.type
    shown = {
        name: title if uses[title] == 1 and " `" not in title else f"{title} `{name}`" for name, title in titles.items()
    }
    return Context(words, types, shown)


def sort_of(expression: Expr, context: Context) -> Sort:
    """What kind of value the expression has."""
    match expression:
        case Constant():
            return _sort_of_constant(expression)
        case Name():
            return sort_of_type(context.types[expression.name]) if expression.name in context.types else "number"
        case IsMissing() | Not() | And() | Or() | Comparison() | In():
            return "truth"
        case Arithmetic():
            return _sort_of_arithmetic(expression, context)
        case Negation():
            return sort_of(expression.operand, context)
        case Call():
            if expression.function in CONDITIONS:
                return "truth"
            return "number" if expression.function == "count" else sort_of(expression.arguments[0], context)
        case Property():
            return "number"
        case _:
            assert_never(expression)


def _sort_of_constant(constant: Constant) -> Sort:
    match constant.value:
        case bool():
            return "truth"
        case str():
            return "word"
        case Duration() | Months():
            return "duration"
        case value:
            return "date" if hasattr(value, "toordinal") else "number"


def _sort_of_arithmetic(expression: Arithmetic, context: Context) -> Sort:
    left, right = sort_of(expression.left, context), sort_of(expression.right, context)
    match expression.operator, left, right:
        case "-", "date", "date":
            return "duration"
        case "+" | "-", "date", _:
            return "date"
        case "/", "duration", "duration":
            return "number"
        case _:
            return "duration" if "duration" in (left, right) else "number"


def sort_of_type(kind: Type) -> Sort:
    """What kind of value a fact or an outcome has."""
    match kind:
        case BooleanType():
            return "truth"
        case NumberType():
            return "number"
        case DateType():
            return "date"
        case DurationType():
            return "duration"
        case ChoiceType() | TextType():
            return "word"
        case TagsType():
            return "tags"
        case _:
            assert_never(kind)


def unit_of(expression: Expr, context: Context) -> str:
    """The unit figures are told in: a currency, or `YEAR`, whose thousands are not grouped.

    Empty for a plain number, and for a literal, which takes its neighbour's.
    """
    match expression:
        case Name():
            kind = context.types.get(expression.name)
            return kind.currency if isinstance(kind, NumberType) else ""
        case Arithmetic():
            left, right = unit_of(expression.left, context), unit_of(expression.right, context)
            return "" if expression.operator == "/" and right else left or right
        case Negation():
            return unit_of(expression.operand, context)
        case Call():
            found = (unit_of(argument, context) for argument in expression.arguments)
            return next(filter(None, found), "")
        case Property():
            return YEAR if expression.name == "year" else ""
        case Constant() | IsMissing() | Not() | And() | Or() | Comparison() | In():
            return ""
        case _:
            assert_never(expression)
