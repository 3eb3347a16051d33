"""Facts that are the subject's own previous outcome by the same policy, or the day since which it holds.

    last_tier:  {type: choice, of: [S, A, B], optional: true, from: previous.tier}
    tier_since: {type: date, optional: true, from: previous.tier.since}

The previous outcome comes from group lists, so it must be an outcome they store. Before the first decision there is
none, so such a fact must be optional. `decisions/groups/previous.py` defines which decision counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from policy_service.canonical import to_canonical_json_unchecked
from policy_service.language.acceptance import accepts
from policy_service.language.diagnostics import Code, did_you_mean
from policy_service.language.findings import Findings
from policy_service.language.policy import Fact, Outcome, Previous
from policy_service.language.types import UNKNOWN_TYPE, BooleanType, ChoiceType, DateType, describe_type

MAX_OUTCOME = 400
"""Maximum length of a subject's outcomes in group lists, as canonical JSON, characters."""
_PREVIOUS = re.compile(r"previous\.([a-z][a-z0-9_]{0,63})(\.since)?")


def parse_previous(text: str) -> Previous | None:
    """Parse a `from:` that names a previous outcome; return None for any other."""
    match = _PREVIOUS.fullmatch(text)
    return Previous(match[1], is_since=match[2] is not None) if match else None


def countable_outcomes(outcomes: Mapping[str, Outcome], *, is_list: bool) -> tuple[str, ...]:
    """Return the outcomes stored in group lists: choices and booleans, unless the policy returns a list.

    If they would be too long together, only the first ones are stored.
    """
    if is_list:
        return ()
    names: list[str] = []
    length = 1
    for name, outcome in outcomes.items():
        words = outcome.type.of if isinstance(outcome.type, ChoiceType) else ("false",)
        length += max(len(to_canonical_json_unchecked({name: word}).decode()) for word in words) if words else 0
        if isinstance(outcome.type, ChoiceType | BooleanType) and length <= MAX_OUTCOME:
            names.append(name)
    return tuple(names)


def check_previous(
    facts: Mapping[str, Fact], outcomes: Mapping[str, Outcome], findings: Findings, *, is_list: bool
) -> None:
    """Report the errors of a policy's facts that are its own previous outcomes."""
    kept = countable_outcomes(outcomes, is_list=is_list)
    for fact in facts.values():
        if fact.previous is None:
            continue
        path = ("facts", fact.name)
        if not fact.optional:
            message = f"`{fact.name}` is missing before the first decision"
            findings.add_key_error(Code.MISSING_KEY, message, path, "add `optional: true` to the fact")
        name = fact.previous.outcome
        outcome = outcomes.get(name)
        if outcome is None:
            hint = did_you_mean(name, outcomes)
            findings.add_error(Code.UNKNOWN_OUTCOME, f"unknown outcome `{name}`", (*path, "from"), hint)
        elif UNKNOWN_TYPE in {fact.type, outcome.type}:
            continue
        elif name not in kept:
            message = f"group lists do not keep `{name}`, so there is no previous one"
            hint = "they keep choices and booleans, of policies that answer no list"
            findings.add_error(Code.TYPE_MISMATCH, message, (*path, "from"), hint)
        elif fact.previous.is_since and fact.type != DateType():
            message = f"`{fact.name}` is the day since when, and not {describe_type(fact.type)}"
            findings.add_key_error(Code.TYPE_MISMATCH, message, path, "write `type: date`, without `min` and `max`")
        elif not fact.previous.is_since and not accepts(fact.type, outcome.type, is_list=False):
            message = f"`{fact.name}` takes {describe_type(fact.type)}; `{name}` is {describe_type(outcome.type)}"
            hint = "the fact's type must take every value of the outcome"
            findings.add_key_error(Code.TYPE_MISMATCH, message, path, hint)
