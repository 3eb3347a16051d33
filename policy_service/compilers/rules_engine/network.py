"""Translates a program into rulesets of durable-rules that stay below the engine's limits.

    program = one ruleset, or several of at most 256 terms and 251 fields each
    ruleset = at most 60 terms, or guards that hold at most 32 terms each
    message = {"id":1,"<guard>":0,"<alias>":<value>,...}       whole numbers only; a flag that is 0 is left out

A flag is a field that is 0 or 1 and only tested for 1; to the engine a missing field differs from 1, and shorter
messages are faster.

Why it is safe (rete.c, events.c and state.c of durable-rules 2.0.28):

| limit of the engine                              | reached at | here at most                    |
|--------------------------------------------------|------------|---------------------------------|
| true conditions that wait on the stack           | 65         | 60; or 7 guards and 32 terms    |
| different conditions under one node (hash set)   | 512        | 61                              |
| rules that end on one condition (beta list)      | 256        | 60                              |
| rules of a ruleset                               | 4,097      | 257                             |
| properties of a message                          | 255        | 251 fields, guard, `id`, `sid`  |
| and/or groups of a rule                          | 16         | 1                               |

The engine distinguishes fields by a 32-bit hash of their names, so the aliases are names with distinct hashes.

Why it is fast. The engine tries every child of a true condition in turn, and finds a field's children by probing a hash
set from one of only 32 buckets. So conditions are in the cheapest order (by cost / (1 - chance of being true), M. Z.
Hanani, CACM 20(5), 1977; a condition shared by n terms costs 1/n), equal prefixes become shared nodes, and the busiest
fields have aliases without hash collisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from string import ascii_letters, digits
from typing import Final

from policy_service.compilers.rules_engine.program import LARGEST_VALUE, Condition, Program, Term

MAX_FIELDS: Final = 251
"""Maximum number of fields of one message: 254 properties minus `id`, `sid` and the guard."""
MAX_TERMS: Final = 16_384
"""Maximum number of terms of a program: about 20 kB of memory each."""
MAX_CONDITIONS: Final = 65_536
"""Maximum number of conditions of a program: about 4 kB of memory each."""

TERMS_PER_RULESET: Final = 256
TERMS_WITHOUT_GUARDS: Final = 60
TERMS_PER_GUARD: Final = 32
COST_OF_FLAG: Final = 0.05
"""The cost of testing a flag relative to a number: a flag that is 0 is not in the message."""

NAME: Final = slice(2, 4)
"""The position of a rule's name in the engine's answers: `{"0a":{"m":...`."""

_SPELLING: Final = {"=": "", "!=": "$neq", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}
_BUCKETS: Final = 32
_PRIMING_PRIORITY: Final = 65_535


class EngineLimitError(ValueError):
    """A program that exceeds a limit of the engine."""

    def __init__(self, limit: str, actual: object, allowed: object) -> None:
        """`limit` names the limit, `actual` is the program's value and `allowed` the greatest allowed one."""
        super().__init__(limit, actual, allowed)
        self.limit = limit
        self.actual = actual
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.limit}: found {self.actual}, allowed {self.allowed}"


@dataclass(frozen=True, slots=True)
class Ruleset:
    """One ruleset as text, and what is needed to use it."""

    definition: str
    priming: str
    """A message for the ruleset's one priming rule."""
    template: str
    """The beginning of a decision's message, with a `%d` for each of `fields`."""
    fields: tuple[int, ...]
    flags: Mapping[int, str]
    """The text that each flag that is 1 adds to the message."""
    rules: Mapping[str, int]
    """The rule for each name in the engine's answers; names are in the order of rules."""


def lay_out(program: Program) -> tuple[Ruleset, ...]:
    """Return rulesets that together represent `program`, in the order of its rules."""
    _check(program)
    return tuple(_ruleset(terms, program.flags) for terms in _split(_distinct(program.terms)))


def _check(program: Program) -> None:
    if len(program.terms) > MAX_TERMS:
        raise EngineLimitError("terms of a program", len(program.terms), MAX_TERMS)
    conditions = sum(len(term.conditions) for term in program.terms)
    if conditions > MAX_CONDITIONS:
        raise EngineLimitError("conditions of a program", conditions, MAX_CONDITIONS)
    for term in program.terms:
        fields = len({condition.field for condition in term.conditions})
        if fields > MAX_FIELDS:
            raise EngineLimitError(f"fields in one term of rule {term.rule}", fields, MAX_FIELDS)
    for condition in chain.from_iterable(term.conditions for term in program.terms):
        if not 0 <= condition.field < program.fields:
            raise EngineLimitError("field of a condition", condition.field, f"0 to {program.fields - 1}")
        if condition.operator not in _SPELLING:
            raise EngineLimitError("operator of a condition", condition.operator, " ".join(_SPELLING))
        if type(condition.value) not in {int, bool} or abs(condition.value) > LARGEST_VALUE:
            raise EngineLimitError("constant of a condition", condition.value, "whole numbers within ±2**53")


def _distinct(terms: Iterable[Term]) -> list[Term]:
    """Return the terms in the order of their rules, without duplicate terms, or duplicate conditions in a term."""
    unique = dict.fromkeys(Term(term.rule, tuple(dict.fromkeys(term.conditions))) for term in terms)
    return sorted(unique, key=lambda term: term.rule)


def _split(terms: Iterable[Term]) -> Iterator[list[Term]]:
    """Yield runs of terms that fit into one ruleset."""
    run: list[Term] = []
    fields: set[int] = set()
    for term in terms:
        wider = fields | {condition.field for condition in term.conditions}
        if len(run) == TERMS_PER_RULESET or len(wider) > MAX_FIELDS:
            yield run
            run, wider = [], {condition.field for condition in term.conditions}
        run.append(term)
        fields = wider
    if run:
        yield run


def _ruleset(terms: Sequence[Term], flags: frozenset[int]) -> Ruleset:
    terms = _in_cheapest_order(terms, flags)
    guard, priming, aliases = _aliases(terms)
    guarded = len(terms) > TERMS_WITHOUT_GUARDS
    names = {rule: f"{position:02x}" for position, rule in enumerate(sorted({term.rule for term in terms}))}
    rules = [f'"pp":{{"all":[{{"m":{{"{priming}":1}}}}],"pri":{_PRIMING_PRIORITY}}}']
    for position, term in enumerate(terms):
        parts = [_spell(condition, aliases) for condition in term.conditions]
        if guarded:
            parts.insert(0, f'{{"$neq":{{"{guard}":{position // TERMS_PER_GUARD + 1}}}}}')
        elif not parts:
            parts.append(f'{{"{guard}":0}}')
        name = names[term.rule]
        rules.append(f'"{name}":{{"all":[{{"m":{{"$and":[{",".join(parts)}]}}}}],"pri":{int(name, 16)}}}')
    constants = ['"id":1']
    if guarded or not all(term.conditions for term in terms):
        constants.append(f'"{guard}":0')
    compared_fields = {condition.field for term in terms for condition in term.conditions if _needs_value(condition)}
    numbers = [field for field in aliases if field not in flags or field in compared_fields]
    properties = [*constants, *(f'"{aliases[field]}":%d' for field in numbers)]
    return Ruleset(
        definition=f"{{{','.join(rules)}}}",
        priming=f'{{"id":2,"{priming}":1}}',
        template=f"{{{','.join(properties)}",
        fields=tuple(numbers),
        flags={field: f',"{alias}":1' for field, alias in aliases.items() if field not in numbers},
        rules={name: rule for rule, name in names.items()},
    )


def _needs_value(condition: Condition) -> bool:
    """Return True if a condition needs more than whether its field is 1."""
    return (condition.operator, condition.value) != ("=", 1)


def _spell(condition: Condition, aliases: Mapping[int, str]) -> str:
    comparison = f'{{"{aliases[condition.field]}":{int(condition.value)}}}'
    operator = _SPELLING[condition.operator]
    return f'{{"{operator}":{comparison}}}' if operator else comparison


def _in_cheapest_order(terms: Sequence[Term], flags: frozenset[int]) -> list[Term]:
    """Return the terms with their cheapest conditions first, and terms with equal prefixes adjacent."""
    uses = Counter(condition for term in terms for condition in term.conditions)
    chance = _chances(uses)
    rank = {
        condition: (
            (COST_OF_FLAG if condition.field in flags else 1) / count / (1 - chance[condition]),
            condition.field,
            condition.operator,
            condition.value,
        )
        for condition, count in uses.items()
    }
    sorted_terms = [Term(term.rule, tuple(sorted(term.conditions, key=rank.__getitem__))) for term in terms]
    return sorted(sorted_terms, key=lambda term: [rank[condition] for condition in term.conditions])


def _chances(conditions: Iterable[Condition]) -> dict[Condition, float]:
    """Return the estimated probability of each condition.

    Each constant of its field, and each gap between two constants, is assumed to be equally likely.
    """
    constants: dict[int, set[int]] = {}
    for condition in conditions:
        constants.setdefault(condition.field, set()).add(condition.value)
    below = {field: {c: 2 * i + 1 for i, c in enumerate(sorted(values))} for field, values in constants.items()}
    chances = {}
    for condition in conditions:
        positions = 2 * len(constants[condition.field]) + 1
        less = below[condition.field][condition.value]
        favourable = {
            "=": 1,
            "!=": positions - 1,
            "<": less,
            "<=": less + 1,
            ">": positions - less - 1,
            ">=": positions - less,
        }
        chances[condition] = favourable[condition.operator] / positions
    return chances


def _fnv1a(name: str) -> int:
    """Return the engine's 32-bit hash of a name (json.c, getStringAndHash)."""
    value = 0x811C9DC5
    for byte in name.encode():
        value = (value ^ byte) * 16_777_619 & 0xFFFF_FFFF
    return value


def _names_by_bucket() -> tuple[tuple[str, ...], ...]:
    """Return names of one or two characters by bucket, with distinct hashes that also differ from the engine's own."""
    own = "id sid $s $m m $forward $lt $lte $gt $gte $eq $neq $mt $imt $iall $iany $ex $nex $or $and $i $time"
    seen = {_fnv1a(name) for name in own.split()}
    buckets: list[list[str]] = [[] for _ in range(_BUCKETS)]
    for name in chain(ascii_letters, (a + b for a in ascii_letters for b in ascii_letters + digits)):
        value = _fnv1a(name)
        if value not in seen:
            seen.add(value)
            buckets[value % _BUCKETS].append(name)
    return tuple(map(tuple, buckets))


_NAMES: Final = _names_by_bucket()


def _aliases(terms: Sequence[Term]) -> tuple[str, str, dict[int, str]]:
    """Return names for the guard, for the priming rule and for each field used.

    The engine probes from a name's bucket to the next empty one. So the busiest field starts at the last bucket, after
    which nothing starts; the next one so far below that its conditions and one empty bucket fit in between; and so on.
    """
    fields = {condition.field for term in terms for condition in term.conditions}
    load = Counter(term.conditions[0].field for term in terms if term.conditions)
    free = [iter(names) for names in _NAMES]
    guard, priming = next(free[_BUCKETS - 1]), next(free[0])
    occupied = Counter(_fnv1a(name) % _BUCKETS for name in ("id", "sid", guard))
    start = _BUCKETS - 1
    aliases = {}
    for field in sorted(fields, key=lambda field: (-load[field], field)):
        bucket = start if start == _BUCKETS - 1 else start - load[field]
        if load[field] and bucket > 0:
            start = bucket - 1
        else:
            bucket = min(range(_BUCKETS - 1), key=lambda candidate: (occupied[candidate], candidate))
        occupied[bucket] += 1
        aliases[field] = next(free[bucket])
    return guard, priming, dict(sorted(aliases.items()))
