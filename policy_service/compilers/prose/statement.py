"""A condition in words, as nested groups of clauses, to be formatted as a list or on one line.

    statement = clause | group              group = "all of the following hold", "at least one …", … with its parts

Clauses of one group about the same subject are joined: "“orders” is given, and is at least 3". Only clauses of the same
group are, so that "and" and "or" never meet on one line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from policy_service.compilers.prose.vocabulary import Connective, Vocabulary


@dataclass(frozen=True, slots=True)
class Clause:
    """One sentence without nesting: its subject and predicates.

    Several predicates are joined by `connective`; a clause without predicates stands alone and is never joined.
    """

    text: str
    subject: str = ""
    predicates: tuple[str, ...] = ()
    connective: Literal["all", "any"] | None = None


@dataclass(frozen=True, slots=True)
class ClauseGroup:
    """Several statements, and how many of them must be true; `lead` says so in words."""

    connective: Connective
    lead: str
    parts: tuple[Statement, ...]


Statement = Clause | ClauseGroup


def clause(words: Vocabulary, subject: str, predicate: str) -> Clause:
    """Return a clause about a subject."""
    return Clause(words.say(subject, predicate), subject, (predicate,))


def group(words: Vocabulary, connective: Literal["all", "any"], parts: tuple[Statement, ...]) -> Statement:
    """Return the statement that all, or any, of `parts` are true, with clauses about one subject joined."""
    joined: dict[str, Clause] = {}
    statements: list[Statement] = []
    for part in dict.fromkeys(_spread(connective, parts)):
        if isinstance(part, ClauseGroup) or not part.predicates or part.connective not in (None, connective):
            statements.append(part)
        elif (before := joined.get(part.subject)) is None:
            joined[part.subject] = part
            statements.append(part)
        else:
            predicates = (*before.predicates, *(new for new in part.predicates if new not in before.predicates))
            single = connective if len(predicates) > 1 else None
            joined_clause = Clause(
                words.say(part.subject, words.join(connective, predicates)), part.subject, predicates, single
            )
            joined[part.subject] = joined_clause
            statements[statements.index(before)] = joined_clause
    if len(statements) == 1:
        return statements[0]
    return ClauseGroup(connective, words.lead(connective), tuple(statements))


def _spread(connective: Connective, parts: tuple[Statement, ...]) -> Iterator[Statement]:
    for part in parts:
        if isinstance(part, ClauseGroup) and part.connective == connective:
            yield from part.parts
        else:
            yield part


def outline(statement: Statement, words: Vocabulary, indent: str = "") -> str:
    """Return the statement as a sentence, followed by nested numbered lists."""
    if isinstance(statement, Clause):
        return statement.text
    lines = [f"{statement.lead}{words.colon}"]
    for number, part in enumerate(statement.parts, 1):
        marker = f"{number}. "
        lines.append(f"{indent}{marker}{outline(part, words, indent + ' ' * len(marker))}")
    return "\n".join(lines)


def inline(statement: Statement, words: Vocabulary, number: str = "") -> str:
    """Return the statement on one line, its parts numbered (1), (2), (2.1): for cells and other short places."""
    if isinstance(statement, Clause):
        return statement.text
    parts = [
        f"({number}{index}) {inline(part, words, f'{number}{index}.')}" for index, part in enumerate(statement.parts, 1)
    ]
    return f"{statement.lead}{words.colon}{words.gap}{words.semicolon.join(parts)}"


def cell(statement: Statement, words: Vocabulary, subject: str) -> str:
    """Return the statement for a column about `subject`, which is therefore left out."""
    if isinstance(statement, Clause) and statement.subject == subject:
        predicates = tuple(words.bare(predicate) for predicate in statement.predicates)
        return words.join(statement.connective or "all", predicates)
    return inline(statement, words)
