"""Fills a fact of one policy with an outcome of another, in a query."""

from __future__ import annotations

from policy_service.compilers.columnar import door
from policy_service.compilers.columnar.door import Table, Value, balanced_sum, cases, text
from policy_service.compilers.columnar.layout import LIST_SEPARATOR, TAG_SEPARATOR, AnswerColumns, column_type
from policy_service.language.policy import Fact
from policy_service.language.types import TagsType


def fill_fact(  # noqa: PLR0913, PLR0917  # two columns in, two out
    table: Table, fact: Fact, supplied: str, source: AnswerColumns, outcome: str, filled: str, contradiction: str
) -> Table:
    """Add the column `filled`: the other policy's outcome if it decides, else the supplied value.

    `contradiction` is true where the supplied value differs from the decision.
    """
    decided = table[source.status] == "decided"
    value = table[source.outcome(list(source.policy.outcomes).index(outcome))]
    if source.policy.returns_list:
        value = _as_tags(value, fact.type.of if isinstance(fact.type, TagsType) else ())
    given = table[supplied]
    kind = column_type(fact.type)
    if fact.replaceable:
        decided &= given.isnull()
    differs = decided & given.notnull() & (given != value)
    return table.mutate(
        **{
            filled: cases([(decided, value.cast(kind) if kind == "int64" else value)], given),
            contradiction: cases([(differs, door.truth(value=True))], door.truth(value=False)),
        }
    )


def _as_tags(values: Value, words: tuple[str, ...]) -> Value:
    """Return the words of a list, without duplicates, in the order of the fact's words."""
    padded = text(LIST_SEPARATOR) + values
    parts = [
        cases([(padded.contains(f"{LIST_SEPARATOR}{word}{LIST_SEPARATOR}"), text(f"{word}{TAG_SEPARATOR}"))], text(""))
        for word in words
    ]
    return text(TAG_SEPARATOR) + balanced_sum(parts)
