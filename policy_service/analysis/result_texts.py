"""Translates stored results, lines of English such as `size big by big`, to the reader's language."""

from __future__ import annotations

import re

from policy_service.compilers.prose import value_in_words
from policy_service.language.policy import Language, Outcome, Policy
from policy_service.language.types import ValueRejected, parse_value
from policy_service.messages import Message


def localized_result(text: str) -> str:
    """Return a stored result, a line of English, as a translatable message."""
    if text == "no rule matched":
        return Message("no rule matched")
    for prefix, message_of in (("missing facts ", _missing), ("conflict of ", _conflict)):
        if text.startswith(prefix):
            return message_of(text.removeprefix(prefix))
    if match := re.fullmatch(r"(?s)(.*) by (.*)", text):
        return Message("{outcome} by {rules}", outcome=match[1], rules=match[2])
    return text


def result_in_words(text: str, policy: Policy, lang: Language) -> str:
    """Return a stored result with the titles and words of a policy; unchanged if it does not fit the policy."""
    shape = ", ".join(f"{re.escape(name)} (.*?)" for name in policy.outcomes)
    match = re.fullmatch(rf"(?s){shape} by (.*)", text)
    if match is None:
        return localized_result(text)
    *values, rules = match.groups()
    pairs = zip(policy.outcomes.values(), values, strict=True)
    outcomes = (_outcome_in_words(outcome, value, lang) for outcome, value in pairs)
    titles = {rule.id: rule.title.in_language(lang) for rule in policy.rules if rule.title is not None}
    deciding = ", ".join(titles.get(rule, rule) for rule in rules.split(", "))
    return Message("{outcome} by {rules}", outcome="; ".join(outcomes), rules=deciding)


def _outcome_in_words(outcome: Outcome, value: str, lang: Language) -> str:
    try:
        words = value_in_words(outcome.type, parse_value(outcome.type, value), lang, outcome.words)
    except ValueRejected:
        words = value
    return f"{outcome.title.in_language(lang)} {words}"


def _missing(names: str) -> Message:
    return Message("missing facts {names}", names=names)


def _conflict(rules: str) -> Message:
    return Message("conflict of {rules}", rules=rules)
