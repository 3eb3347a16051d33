"""A loaded policy: checked, typed, ready to be evaluated, compiled, analysed or shown."""

from __future__ import annotations

import hashlib
from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from policy_service.language.ast import Expr
from policy_service.language.types import NumberType, Type, Value

Language = Literal["zh", "en"]
BENCHMARKS = "benchmarks"
"""The domain of benchmark sets, which no policy is of."""


@dataclass(frozen=True, slots=True)
class Bilingual:
    """The same words in Chinese and in English."""

    zh: str
    en: str

    def in_language(self, lang: Language) -> str:
        """Return the words of one language."""
        return self.zh if lang == "zh" else self.en

    def to_dict(self) -> dict[str, str]:
        return {"zh": self.zh, "en": self.en}


@dataclass(frozen=True, slots=True)
class Requirement:
    """The source of a fact that the client need not give: an outcome of another policy."""

    policy: str
    outcome: str

    def __str__(self) -> str:
        return f"{self.policy}.{self.outcome}"


@dataclass(frozen=True, slots=True)
class Previous:
    """The source of a fact that is the subject's own last outcome: the outcome, or the day since which it has it."""

    outcome: str
    is_since: bool = False

    def __str__(self) -> str:
        return f"previous.{self.outcome}{'.since' if self.is_since else ''}"


@dataclass(frozen=True, slots=True)
class Fact:
    """A named, typed input about one subject."""

    name: str
    type: Type
    title: Bilingual
    optional: bool = False
    sensitive: bool = False
    requirement: Requirement | None = None
    measure: str | None = None
    """For a fact of the benchmark set in force: what it measures, e.g. `mean(amount_12m) by industry`."""
    words: Mapping[str, Bilingual] = field(default_factory=dict)
    """What the words of a choice or of tags are called, for those that have a title."""
    replaceable: bool = False
    """True if the caller may give another value than the benchmark set in force has."""
    previous: Previous | None = None

    @property
    def is_filled(self) -> bool:
        """True if the service fills it, where it can."""
        return any(source is not None for source in (self.requirement, self.measure, self.previous))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A named, typed value decided."""

    name: str
    type: Type
    title: Bilingual
    words: Mapping[str, Bilingual] = field(default_factory=dict)
    """What the words of a choice or of tags are called, for those that have a title."""
    measure: str | None = None
    """For a benchmark figure: what it measures, e.g. `mean(amount_12m) by industry`."""


class Hit(StrEnum):
    """The hit policy: what happens when several rules match (DMN 1.5 section 8.2.8)."""

    UNIQUE = "UNIQUE"
    ANY = "ANY"
    FIRST = "FIRST"
    PRIORITY = "PRIORITY"
    RULE_ORDER = "RULE ORDER"
    OUTPUT_ORDER = "OUTPUT ORDER"
    COLLECT = "COLLECT"


class Aggregate(StrEnum):
    """The aggregate by which COLLECT combines the outcomes of all matching rules; without one it lists them."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"
    COUNT = "count"


LISTING_HIT_POLICIES = frozenset({Hit.RULE_ORDER, Hit.OUTPUT_ORDER, Hit.COLLECT})
"""Hit policies whose outcome, without an aggregate, is a list with one entry a rule."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: when the condition holds, the values, and the reason.

    `cells` are a table row's conditions, one an input (`true` for an empty cell); `when` is all of them together.
    `then` has one expression an outcome, in the policy's order of outcomes; in a scorecard's rules, the points alone.
    The rule `otherwise` stands last and applies when no other does (DMN 1.5 section 8.2.11, default output); by itself
    its `when` is never true.
    """

    id: str
    when: Expr
    then: tuple[Expr | Value, ...]
    because: Bilingual
    cells: tuple[Expr, ...] = ()
    otherwise: bool = False
    title: Bilingual | None = None
    """What people call it; programs know it by its id."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row or a column of a cross table, known by its name, and what its head asks (`true` for an empty head)."""

    id: str
    when: Expr


@dataclass(frozen=True, slots=True)
class CrossTable:
    """The grid in which the rows of a decision table with two inputs stand.

    `cells` says of each rule but `otherwise`, in the order of the policy's rules, in which row and which column it
    stands, both counted from 0. A row's head is the first cell of its rules, a column's head the second.
    """

    rows: tuple[Line, ...]
    columns: tuple[Line, ...]
    cells: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The total starts at `base`, each matching rule adds its points, the band of the total decides."""

    type: NumberType
    base: int
    bands: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """Facts, and the one answer they must get."""

    name: str
    facts: Mapping[str, Value]
    as_of: str | None
    status: Literal["decided", "missing_facts", "no_rule_matched", "conflict"]
    outcome: Mapping[str, object] | tuple[Mapping[str, object], ...] | None
    rules: tuple[str, ...] | None
    missing: tuple[str, ...]
    source: tuple[str, ...] = ()
    title: Bilingual | None = None
    """What people call it; programs know it by its name."""


@dataclass(frozen=True, slots=True)
class Total:
    """The law that every subject is decided, by exactly one result."""


@dataclass(frozen=True, slots=True)
class Monotone:
    """The law that a fact which moves one way never moves an outcome the other way.

    `rising` says which way the fact moves, `never_lowers` which way the outcome may not move; for an ordered choice,
    lower is worse.
    """

    fact: str
    rising: bool
    outcome: str
    never_lowers: bool


@dataclass(frozen=True, slots=True)
class Always:
    """The law that `always`, about facts and outcomes, holds wherever `when`, about facts, does."""

    when: Expr
    always: Expr


@dataclass(frozen=True, slots=True)
class Invariant:
    """A named law with its sentence."""

    id: str
    says: Bilingual
    law: Total | Monotone | Always


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a policy."""

    id: str
    version: str
    digest: str
    """`sha256:` and the hexadecimal digest of the file's bytes."""
    title: Bilingual
    source: tuple[str, ...]
    notes: Bilingual | None
    subject: str
    facts: Mapping[str, Fact]
    outcomes: Mapping[str, Outcome]
    form: Literal["table", "rules", "scorecard"]
    hit: Hit
    aggregate: Aggregate | None
    inputs: tuple[str, ...]
    """The columns of a decision table; empty for other forms."""
    rules: tuple[Rule, ...]
    scorecard: Scorecard | None
    examples: tuple[Example, ...]
    invariants: tuple[Invariant, ...]
    text: str
    """The file as the author wrote it, but for a byte order mark at its beginning."""
    cross: CrossTable | None = None
    """The grid of a table that is written as one."""
    meaning: str = ""
    """The digest of what it decides (`meaning.meaning_of`); a policy that was not read from a file has none."""

    @property
    def content(self) -> bytes:
        """The bytes of the file, which `digest` is of."""
        encoded = self.text.encode()
        return encoded if self.digest == f"sha256:{hashlib.sha256(encoded).hexdigest()}" else BOM_UTF8 + encoded

    @property
    def domain(self) -> str:
        """The first part of the policy's name, e.g. `tiering`."""
        return self.id.partition("/")[0]

    @property
    def bands(self) -> tuple[Rule, ...]:
        """The bands of a scorecard; none for other forms."""
        return self.scorecard.bands if self.scorecard else ()

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        """The rules, then the bands."""
        return (*self.rules, *self.bands)

    @property
    def otherwise(self) -> int | None:
        """The index of the rule `otherwise`, or None when there is none."""
        return len(self.rules) - 1 if self.rules and self.rules[-1].otherwise else None

    @property
    def has_figures(self) -> bool:
        """True if its outcomes are benchmark figures: it is asked where other policies need them, and by name."""
        return any(outcome.measure is not None for outcome in self.outcomes.values())

    @property
    def returns_list(self) -> bool:
        """True if the outcome is a list with one entry a matching rule."""
        return self.hit in LISTING_HIT_POLICIES and self.aggregate is None


AS_OF = "as_of"
"""The day the decision is made for; a name every expression may use."""
OTHERWISE = "otherwise"
"""What the rule is called that applies when no other does."""
SCORE = "score"
"""A scorecard's total; a name its bands may use."""
RESERVED = frozenset({AS_OF, SCORE})
