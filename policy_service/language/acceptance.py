"""Check whether a fact can take every value that an outcome can have."""

from __future__ import annotations

from policy_service.language.types import ChoiceType, DateType, DurationType, NumberType, TagsType, Type


def accepts(fact: Type, outcome: Type, *, is_list: bool) -> bool:
    """Return True if a fact can take every value an outcome can have; a listed choice becomes tags."""
    match fact, outcome:
        case TagsType(), ChoiceType() if is_list:
            return set(outcome.of) <= set(fact.of)
        case _ if is_list:
            return False
        case ChoiceType(of=accepted), ChoiceType(of=possible):
            return set(possible) <= set(accepted)
        case TagsType(of=accepted), TagsType(of=possible):
            return set(possible) <= set(accepted)
        case NumberType(), NumberType():
            same = (fact.kind, fact.scale, fact.currency) == (outcome.kind, outcome.scale, outcome.currency)
            return same and fact.low <= outcome.low and outcome.high <= fact.high
        case DateType(low=low, high=high), DateType():
            return low <= outcome.low and outcome.high <= high
        case DurationType(low=low, high=high), DurationType():
            return low <= outcome.low and outcome.high <= high
        case _:
            return type(fact) is type(outcome)
