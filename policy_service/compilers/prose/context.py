"""The names of one policy: their titles in one language, their types, the sort of every value.

Titles are unique: if the author used a title twice, the name is added to it. The same applies to the words of a choice
or of tags.

The words of a choice or of tags have no quotation marks, unless one of them is ambiguous:

    “tier” is S             “tier” is ‘S, A’                “reply” is ‘not given’
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from policy_service.compilers.prose.chinese import Chinese
from policy_service.compilers.prose.english import English
from policy_service.compilers.prose.figures import escape_text, quotable
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
from policy_service.language.policy import AS_OF, SCORE, Bilingual, Fact, Language, Outcome, Policy, Rule
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


class _PlainWords:
    """Choices, tags and texts that stand alone, in a cell or after their title: without quotation marks."""

    def word(self, text: str) -> str:
        return escape_text(text) if quotable(text) is None else text


class _PlainChinese(_PlainWords, Chinese): ...


class _PlainEnglish(_PlainWords, English): ...


PLAIN_LANGUAGES: Mapping[Language, Vocabulary] = {"zh": _PlainChinese(), "en": _PlainEnglish()}
_PLAIN_WORD = re.compile(r"[\w%+/·()（）-]+(?: [\w%+/·()（）-]+)*")
"""A word without characters that separate lists, sentences or quotations."""
CONDITIONS = TEXT_TESTS | (TAG_FUNCTIONS - {"count"})
"""The functions with a boolean result."""
YEAR = "year"
_NO_QUOTES = str.maketrans("“”「」`", "‘’『』'")


@dataclass(frozen=True, slots=True)
class Context:
    """The names of a policy, in one language."""

    words: Vocabulary
    types: Mapping[str, Type]
    titles: Mapping[str, str]
    """The title of each name as a column heading, without quotation marks."""
    word_labels: Mapping[str, Mapping[str, str]]
    """The label of each word of each choice and of tags: its title, if it has one."""

    def title(self, name: str) -> str:
        """Return the title of a fact, an outcome, the day of decision or the score, for a sentence."""
        if name == AS_OF:
            return self.words.as_of
        if name == SCORE:
            return self.words.score
        return self.words.title(self.titles.get(name, name))

    def word(self, text: str, name: str = "") -> str:
        """Return the title of a word of the choice or tags `name`; any other text unchanged."""
        return self.word_labels.get(name, {}).get(text) or self.words.word(text)


def context_of(policy: Policy, lang: Language) -> Context:
    """Return the context of every expression of `policy`: its facts and outcomes, `as_of` and `score`."""
    words = LANGUAGES[lang]
    declared: dict[str, Fact | Outcome] = {**policy.facts, **policy.outcomes}
    titles = {name: words.unfold(words.of(item.title)).translate(_NO_QUOTES) for name, item in declared.items()}
    uses = Counter(titles.values())
    types: dict[str, Type] = {name: item.type for name, item in declared.items()}
    types[AS_OF] = DateType()
    if policy.scorecard is not None:
        types[SCORE] = policy.scorecard.type
    headings = {
        name: title if uses[title] == 1 and " `" not in title else f"{title} `{name}`" for name, title in titles.items()
    }
    labels = {
        name: word_labels(item.type, item.words, words_for(item.type, item.words, lang))
        for name, item in declared.items()
    }
    return Context(words, types, headings, labels)


def words_for(kind: Type, titles: Mapping[str, Bilingual], lang: Language) -> Vocabulary:
    """Return the vocabulary for the words of a type: without quotation marks if no word needs them."""
    words = LANGUAGES[lang]
    if not isinstance(kind, ChoiceType | TagsType):
        return words
    shown = [_shown(word, titles, words) for word in kind.of]
    is_plain = len({*shown}) == len(shown) and all(
        _PLAIN_WORD.fullmatch(text) and not words.ambiguous.search(text) for text in shown
    )
    return PLAIN_LANGUAGES[lang] if is_plain else words


def _shown(word: str, titles: Mapping[str, Bilingual], words: Vocabulary) -> str:
    """Return the title of a word, on one line, or the word if it has none."""
    return words.unfold(words.of(titles[word])) if word in titles else word


def title_line(title: Bilingual | None, context: Context) -> str:
    """Return a title of a rule or an example on one line; empty when there is none."""
    return context.words.unfold(context.words.of(title)).replace("`", "'") if title else ""


def rule_label(rule: Rule, context: Context) -> str:
    """Return the label of a rule: its title, if any, and its id."""
    return f"{title_line(rule.title, context)} `{rule.id}`".lstrip()


def rule_labels(policy: Policy, context: Context) -> Mapping[str, str]:
    """Return the labels of a policy's rules and bands, by id."""
    return {rule.id: rule_label(rule, context) for rule in policy.all_rules}


def word_labels(kind: Type, titles: Mapping[str, Bilingual], words: Vocabulary) -> dict[str, str]:
    """Return the labels of the words of a choice or of tags; an ambiguous title is shown with its word."""
    if not isinstance(kind, ChoiceType | TagsType):
        return {}
    labels = {word: _shown(word, titles, words) for word in kind.of}
    uses = Counter(labels.values())
    return {
        word: words.word(title) if uses[title] == 1 else words.titled_word(title, word)
        for word, title in labels.items()
    }


def sort_of(expression: Expr, context: Context) -> Sort:
    """Return the sort of the expression's value."""
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
    """Return the sort of a fact's or an outcome's value."""
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
    """Return the unit of the numbers and words next to the expression.

    A currency; `YEAR`, whose thousands are not grouped; or the name of the choice or tags. Empty for a plain number,
    and for a literal, which takes its neighbour's unit.
    """
    match expression:
        case Name():
            match context.types.get(expression.name):
                case NumberType(currency=currency):
                    return currency
                case ChoiceType() | TagsType():
                    return expression.name
                case _:
                    return ""
        case Arithmetic():
            left, right = unit_of(expression.left, context), unit_of(expression.right, context)
            return "" if expression.operator == "/" and right else left or right
        case Negation():
            return unit_of(expression.operand, context)
        case Call() if expression.function == "count":
            return ""
        case Call():
            units = (unit_of(argument, context) for argument in expression.arguments)
            return next(filter(None, units), "")
        case Property():
            return YEAR if expression.name == "year" else ""
        case Constant() | IsMissing() | Not() | And() | Or() | Comparison() | In():
            return ""
        case _:
            assert_never(expression)
