"""Reads a policy file's declarations: its facts and outcomes, with their types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import zip_longest
from typing import Literal

from policy_service.characters import describe_character, skeleton
from policy_service.language.diagnostics import Code, did_you_mean, shorten
from policy_service.language.document import BilingualDoc, FactDoc, OutcomeDoc, TitledDoc
from policy_service.language.findings import Findings
from policy_service.language.measure import check_figure, check_measures
from policy_service.language.policy import AS_OF, RESERVED, SCORE, Bilingual, Fact, Outcome, Requirement
from policy_service.language.previous import parse_previous
from policy_service.language.source import Path
from policy_service.language.types import (
    CALENDAR,
    CURRENCIES,
    FIRST_DAY,
    LAST_DAY,
    LIMIT,
    MAX_SCALE,
    UNKNOWN_TYPE,
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    TextType,
    Type,
    ValueRejected,
    parse_value,
)

TYPE_KEYS: dict[str, frozenset[str]] = {
    "boolean": frozenset(),
    "integer": frozenset({"min", "max"}),
    "number": frozenset({"scale", "min", "max"}),
    "money": frozenset({"currency", "min", "max"}),
    "date": frozenset({"min", "max"}),
    "duration": frozenset({"min", "max"}),
    "choice": frozenset({"of", "ordered", "words"}),
    "text": frozenset(),
    "tags": frozenset({"of", "words"}),
}
"""The keys that describe each type. `scale`, `currency` and `of` are required."""

_REQUIRED_KEYS = {"number": "scale", "money": "currency", "choice": "of", "tags": "of"}
_KEYS = frozenset({"scale", "currency", "min", "max", "of", "ordered", "words"})
_KINDS: dict[str, Literal["integer", "number", "money"]] = {
    "integer": "integer",
    "number": "number",
    "money": "money",
}
_REQUIREMENT = re.compile(r"([a-z][a-z0-9_]{0,63}/[a-z][a-z0-9_]{0,63})\.([a-z][a-z0-9_]{0,63})")
BENCHMARK = "benchmark"
MAX_WORD = 100
"""Maximum length of a word of a choice, characters."""


def declare_facts(docs: dict[str, FactDoc], findings: Findings) -> dict[str, Fact]:
    """Return the facts; one with an invalid type gets UNKNOWN_TYPE."""
    facts = {}
    for name, doc in docs.items():
        path: Path = ("facts", name)
        findings.check_name(name, path)
        if name in RESERVED:
            meaning = {AS_OF: "the day the decision is made for", SCORE: "a scorecard's total"}[name]
            findings.add_key_error(Code.INVALID_NAME, f"`{name}` always means {meaning}", path)
        kind = declare_type(doc, path, findings) or UNKNOWN_TYPE
        previous = parse_previous(doc.from_ or "")
        requirement = _requirement(doc, path, findings)
        title = bilingual(doc.title, name)
        measure = doc.measure if doc.from_ == BENCHMARK else None
        words = word_titles(doc)
        facts[name] = Fact(
            name, kind, title, doc.optional, doc.sensitive, requirement, measure, words, doc.replaceable, previous
        )
    check_measures(facts, findings)
    return facts


def declare_outcomes(docs: dict[str, OutcomeDoc], facts: Mapping[str, Fact], findings: Findings) -> dict[str, Outcome]:
    """Return the outcomes; one with an invalid type gets UNKNOWN_TYPE."""
    outcomes = {}
    for name, doc in docs.items():
        path: Path = ("outcome", name)
        findings.check_name(name, path)
        if name in facts:
            findings.add_key_error(Code.DUPLICATE_ID, f"`{name}` is a fact already", path)
        if name in RESERVED:
            findings.add_key_error(Code.INVALID_NAME, f"`{name}` has a meaning of its own", path)
        kind = declare_type(doc, path, findings) or UNKNOWN_TYPE
        measure = check_figure(doc.measure, kind, facts, path, findings)
        outcomes[name] = Outcome(name, kind, bilingual(doc.title, name), word_titles(doc), measure)
    return outcomes


def to_bilingual(doc: BilingualDoc) -> Bilingual:
    """Return the texts in both languages."""
    return Bilingual(doc.zh, doc.en)


def title_of(doc: TitledDoc) -> Bilingual | None:
    """Return the title of a rule or an example; None if it has none."""
    return to_bilingual(doc.title) if doc.title else None


def either_language(words: str | BilingualDoc) -> Bilingual:
    """Return the texts in both languages; a single text stands for both."""
    return Bilingual(words, words) if isinstance(words, str) else to_bilingual(words)


def bilingual(doc: BilingualDoc | None, otherwise: str) -> Bilingual:
    """Return the texts in both languages, or `otherwise` for both."""
    return to_bilingual(doc) if doc else Bilingual(otherwise, otherwise)


def word_titles(doc: FactDoc | OutcomeDoc) -> dict[str, Bilingual]:
    """Return the titles of the words of a choice or of tags."""
    return {word: to_bilingual(title) for word, title in (doc.words or {}).items()}


def _requirement(doc: FactDoc, path: Path, findings: Findings) -> Requirement | None:
    """Return the outcome that `from:` names; None for a fact from elsewhere."""
    if doc.from_ == BENCHMARK:
        if doc.measure is None:
            hint = "measure: mean(amount_12m) by industry"
            findings.add_key_error(Code.MISSING_KEY, "a benchmark fact says what it measures", path, hint)
        return None
    for key in ("measure", "replaceable"):
        if getattr(doc, key):
            findings.add_key_error(Code.KEY_NOT_ALLOWED, f"`{key}` goes with `from: benchmark`", (*path, key))
    if doc.from_ is None or parse_previous(doc.from_):
        return None
    if match := _REQUIREMENT.fullmatch(doc.from_):
        return Requirement(match[1], match[2])
    hint = "write `benchmark`, an outcome such as `tiering/rfm_value.tier`, or `previous.tier`"
    findings.add_error(Code.INVALID_VALUE, f"`{shorten(doc.from_)}` names no outcome", (*path, "from"), hint)
    return None


def declare_type(doc: FactDoc | OutcomeDoc, path: Path, findings: Findings) -> Type | None:
    """Return the declared type of a fact or outcome; None after reporting errors."""
    allowed = TYPE_KEYS.get(doc.type)
    if allowed is None:
        hint = did_you_mean(doc.type, TYPE_KEYS) or f"the types are {', '.join(TYPE_KEYS)}"
        findings.add_error(Code.INVALID_VALUE, f"unknown type `{shorten(doc.type)}`", (*path, "type"), hint)
        return None
    for key in sorted(_KEYS - allowed):
        if getattr(doc, key) is not None:
            findings.add_key_error(Code.KEY_NOT_ALLOWED, f"the type `{doc.type}` has no `{key}`", (*path, key))
    required_key = _REQUIRED_KEYS.get(doc.type)
    if required_key and getattr(doc, required_key) is None:
        findings.add_key_error(Code.MISSING_KEY, f"the type `{doc.type}` needs `{required_key}`", path)
        return None
    match doc.type:
        case "boolean":
            return BooleanType()
        case "text":
            return TextType()
        case "choice" | "tags":
            return _word_type(doc, path, findings)
        case "date":
            default = (CALENDAR.low, CALENDAR.high) if isinstance(doc, OutcomeDoc) else (FIRST_DAY, LAST_DAY)
            return DateType(*_bounds(doc, CALENDAR, default, path, findings))
        case "duration":
            low, high = _bounds(doc, DurationType(), (-LIMIT, LIMIT), path, findings)
            return DurationType(low, high)
        case _:
            return _number(doc, path, findings)


def _number(doc: FactDoc | OutcomeDoc, path: Path, findings: Findings) -> NumberType | None:
    scale = 0
    if doc.type == "money":
        if doc.currency not in CURRENCIES:
            hint = f"the currencies are {', '.join(CURRENCIES)}"
            findings.add_error(
                Code.INVALID_VALUE,
                f"unknown currency `{shorten(doc.currency or '')}`",
                (*path, "currency"),
                hint,
            )
            return None
        scale = CURRENCIES[doc.currency]
    elif doc.scale is not None:
        if not re.fullmatch(f"[0-{MAX_SCALE}]", doc.scale):
            message = f"`scale` is the number of decimals, 0 to {MAX_SCALE}"
            findings.add_error(Code.INVALID_VALUE, message, (*path, "scale"))
            return None
        scale = int(doc.scale)
    kind = NumberType(_KINDS[doc.type], scale, currency=doc.currency or "")
    low, high = _bounds(doc, kind, (-LIMIT, LIMIT), path, findings)
    return NumberType(kind.kind, scale, low, high, kind.currency)


def _bounds(
    doc: FactDoc | OutcomeDoc,
    kind: NumberType | DateType | DurationType,
    default: tuple[int, int],
    path: Path,
    findings: Findings,
) -> tuple[int, int]:
    """Return `min` and `max` in stored form."""
    bounds = list(default)
    for index, key in enumerate(("min", "max")):
        text = getattr(doc, key)
        if text is not None:
            try:
                bounds[index] = int(parse_value(kind, text))  # type: ignore[arg-type]  # numbers, dates and durations are kept as int
            except ValueRejected as error:
                findings.add_error(Code.INVALID_VALUE, f"`{shorten(text)}` is not {error.expected}", (*path, key))
    if bounds[0] > bounds[1]:
        findings.add_key_error(Code.EMPTY_RANGE, "no value lies between `min` and `max`", path)
        return default
    return bounds[0], bounds[1]


def _differing_characters(word: str, other: str) -> str:
    """Return the first characters in which two similar-looking words differ."""
    pairs = zip_longest(word, other, fillvalue="")
    one, another = next(pair for pair in pairs if pair[0] != pair[1])
    return " and ".join(describe_character(each) if each else "nothing" for each in (one, another))


def _word_type(doc: FactDoc | OutcomeDoc, path: Path, findings: Findings) -> ChoiceType | TagsType:
    of = tuple(doc.of or ())
    seen: dict[str, str] = {}
    for index, word in enumerate(of):
        other = seen.setdefault(skeleton(word), word)
        if other != word:
            message = f"`{shorten(word)}` looks like `{shorten(other)}`"
            difference = f"they differ in {_differing_characters(word, other)}; write one of them"
            findings.add_error(Code.DUPLICATE_CHOICE, message, (*path, "of", index), difference)
        findings.check_one_value(word, (*path, "of", index))
        if not word or len(word) > MAX_WORD or not word.isprintable():
            message = f"a choice has 1 to {MAX_WORD} printable characters"
            findings.add_error(Code.INVALID_VALUE, message, (*path, "of", index))
        if word in of[:index]:
            findings.add_error(Code.DUPLICATE_CHOICE, f"`{shorten(word)}` stands twice", (*path, "of", index))
    for word in doc.words or {}:
        if word not in of:
            hint = did_you_mean(word, of)
            findings.add_key_error(
                Code.UNKNOWN_CHOICE, f"unknown choice `{shorten(word)}`", (*path, "words", word), hint
            )
    return TagsType(of) if doc.type == "tags" else ChoiceType(of, doc.ordered)
