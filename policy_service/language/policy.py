"""A loaded policy: checked and typed, ready to evaluate, compile, analyse or show."""

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
"""The domain of benchmark sets; no policy belongs to it."""


@dataclass(frozen=True, slots=True)
class Bilingual:
    """A text in Chinese and in English."""

    zh: str
    en: str

    def in_language(self, lang: Language) -> str:
        """Return the text in one language."""
        return self.zh if lang == "zh" else self.en

    def to_dict(self) -> dict[str, str]:
        return {"zh": self.zh, "en": self.en}


@dataclass(frozen=True, slots=True)
class Requirement:
    """The source of a fact filled by the service: an outcome of another policy."""

    policy: str
    outcome: str

    def __str__(self) -> str:
        return f"{self.policy}.{self.outcome}"


@dataclass(frozen=True, slots=True)
class Previous:
    """The source of a fact filled by the service: the subject's previous outcome, or the day since which it holds."""

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
    """For a benchmark fact, its measure, e.g. `mean(amount_12m) by industry`."""
    words: Mapping[str, Bilingual] = field(default_factory=dict)
    """The titles of the words of a choice or tags, where there are any."""
    replaceable: bool = False
    """True if the caller may override the benchmark set's value."""
    previous: Previous | None = None

    @property
    def is_filled(self) -> bool:
        """True if the service fills it when possible."""
        return any(source is not None for source in (self.requirement, self.measure, self.previous))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A named, typed output of a decision."""

    name: str
    type: Type
    title: Bilingual
    words: Mapping[str, Bilingual] = field(default_factory=dict)
    """The titles of the words of a choice or tags, where there are any."""
    measure: str | None = None
    """For a benchmark figure, its measure, e.g. `mean(amount_12m) by industry`."""


class Hit(StrEnum):
    """The hit policy: the answer if several rules match (DMN 1.5 section 8.2.8)."""

    UNIQUE = "UNIQUE"
    ANY = "ANY"
    FIRST = "FIRST"
    PRIORITY = "PRIORITY"
    RULE_ORDER = "RULE ORDER"
    OUTPUT_ORDER = "OUTPUT ORDER"
    COLLECT = "COLLECT"


class Aggregate(StrEnum):
    """The aggregate of COLLECT over the outcomes of all matching rules; without one, they are listed."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"
    COUNT = "count"


LISTING_HIT_POLICIES = frozenset({Hit.RULE_ORDER, Hit.OUTPUT_ORDER, Hit.COLLECT})
"""Hit policies whose outcome, without an aggregate, is a list with one entry per rule."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its condition, values and reason.

    `cells` are the conditions of a table row, one per input (`true` for an empty cell); `when` is their conjunction.
    `then` has one expression per outcome, in the policy's order; for a scorecard's rules, only the points. The rule
    `otherwise` is the last and applies if no other does (DMN 1.5 section 8.2.11, default output); its own `when` is
    never true.
    """

    id: str
    when: Expr
    then: tuple[Expr | Value, ...]
    because: Bilingual
    cells: tuple[Expr, ...] = ()
    otherwise: bool = False
    title: Bilingual | None = None
    """The title for people; programs use the id."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row or column of a cross table: its name, and the condition in its head (`true` for an empty head)."""

    id: str
    when: Expr


@dataclass(frozen=True, slots=True)
class CrossTable:
    """The grid layout of a decision table with two inputs.

    `cells` has the row and column of each rule but `otherwise`, in the order of the policy's rules, counted from 0. A
    row's head is the first cell of its rules, a column's head the second.
    """

    rows: tuple[Line, ...]
    columns: tuple[Line, ...]
    cells: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A scorecard: the total starts at `base`, matching rules add points, and the total's band gives the outcome."""

    type: NumberType
    base: int
    bands: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """Facts, and their expected answer."""

    name: str
    facts: Mapping[str, Value]
    as_of: str | None
    status: Literal["decided", "missing_facts", "no_rule_matched", "conflict"]
    outcome: Mapping[str, object] | tuple[Mapping[str, object], ...] | None
    rules: tuple[str, ...] | None
    missing: tuple[str, ...]
    source: tuple[str, ...] = ()
    title: Bilingual | None = None
    """The title for people; programs use the name."""


@dataclass(frozen=True, slots=True)
class Total:
    """The law that every subject gets exactly one result."""


@dataclass(frozen=True, slots=True)
class Monotone:
    """The law that moving a fact in one direction never moves an outcome in the other.

    `rising` is the fact's direction, `never_lowers` the direction in which the outcome must not move; for an ordered
    choice, lower is worse.
    """

    fact: str
    rising: bool
    outcome: str
    never_lowers: bool


@dataclass(frozen=True, slots=True)
class Always:
    """The law that `always`, about facts and outcomes, holds whenever `when`, about facts, does."""

    when: Expr
    always: Expr


@dataclass(frozen=True, slots=True)
class Invariant:
    """A named law with its description."""

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
    """The file's text, without a byte order mark."""
    cross: CrossTable | None = None
    """The grid of a cross table."""
    meaning: str = ""
    """The digest of its meaning (`meaning.meaning_of`); empty for a policy not read from a file."""

    @property
    def content(self) -> bytes:
        """The bytes of the file, which `digest` covers."""
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
        """The index of the rule `otherwise`; None if there is none."""
        return len(self.rules) - 1 if self.rules and self.rules[-1].otherwise else None

    @property
    def has_figures(self) -> bool:
        """True if its outcomes are benchmark figures; it is evaluated if other policies need it, or by name."""
        return any(outcome.measure is not None for outcome in self.outcomes.values())

    @property
    def returns_list(self) -> bool:
        """True if the outcome is a list with one entry per matching rule."""
        return self.hit in LISTING_HIT_POLICIES and self.aggregate is None


AS_OF = "as_of"
"""The day of the decision; a name every expression may use."""
OTHERWISE = "otherwise"
"""The name of the rule that applies if no other does."""
SCORE = "score"
"""A scorecard's total; a name its bands may use."""
RESERVED = frozenset({AS_OF, SCORE})
