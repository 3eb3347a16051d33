"""The shape of a policy file: its keys. Their meaning is checked in `load.py`.

Every scalar of the source is text, so a shape consists of text, lists and mappings; `true` and `false` are text too.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

MAX_RULES = 1_000
"""Maximum number of rows, rules or scorecard lines of one policy, and of cells of its cross table."""
MAX_FACTS = 200
MAX_OUTCOMES = 20
MAX_CHOICES = 500
MAX_EXAMPLES = 1_000
MAX_WORDS = 2_000
"""Maximum length of a title or reason, characters."""

Words = Annotated[str, Field(min_length=1, max_length=MAX_WORDS)]
Flag = Annotated[
    bool,
    BeforeValidator(lambda text: {"true": True, "false": False}.get(text, text) if isinstance(text, str) else text),
]
Scalar = str | None


class Doc(BaseModel):
    """A mapping whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True)


class BilingualDoc(Doc):
    """A title or a reason in Chinese and in English."""

    zh: Words
    en: Words


class TitledDoc(Doc):
    """A rule or an example: people see its title, programs its id or name."""

    title: BilingualDoc | None = None


class FactDoc(Doc):
    """One fact; the keys allowed for each type are checked in `load.py`."""

    type: str
    title: BilingualDoc | None = None
    optional: Flag = False
    sensitive: Flag = False
    scale: str | None = None
    currency: str | None = None
    min: str | None = None
    max: str | None = None
    of: Annotated[list[str], Field(min_length=1, max_length=MAX_CHOICES)] | None = None
    ordered: Literal["best-first", "worst-first"] | None = None
    words: dict[str, BilingualDoc] | None = None
    from_: Annotated[str | None, Field(alias="from")] = None
    measure: Words | None = None
    replaceable: Flag = False


class OutcomeDoc(Doc):
    """One outcome."""

    type: str
    measure: Words | None = None
    title: BilingualDoc | None = None
    scale: str | None = None
    currency: str | None = None
    min: str | None = None
    max: str | None = None
    of: Annotated[list[str], Field(min_length=1, max_length=MAX_CHOICES)] | None = None
    ordered: Literal["best-first", "worst-first"] | None = None
    words: dict[str, BilingualDoc] | None = None


Outcomes = list[Scalar | list[str]] | dict[str, Scalar | list[str]]


class RowDoc(TitledDoc):
    """A row of a decision table: a cell for each input, a value for each outcome."""

    id: str
    when: list[str]
    then: Outcomes | None = None
    because: BilingualDoc


class OtherwiseDoc(TitledDoc):
    """The outcome if no rule matches."""

    then: Outcomes
    because: BilingualDoc


class RuleDoc(TitledDoc):
    """A free rule: one condition."""

    id: str
    when: str
    then: Outcomes | None = None
    because: BilingualDoc


class PointsDoc(TitledDoc):
    """A rule of a scorecard: it adds points."""

    id: str
    when: str
    points: str
    because: BilingualDoc


class BandDoc(TitledDoc):
    """A band of a scorecard: a test of the total, and the outcome if it passes."""

    id: str
    when: str
    then: Outcomes
    because: BilingualDoc


class TableDoc(Doc):
    """A decision table."""

    hit: str
    aggregate: str | None = None
    inputs: Annotated[list[str], Field(min_length=1, max_length=MAX_FACTS)]
    rows: Annotated[list[RowDoc], Field(min_length=1, max_length=MAX_RULES)]
    otherwise: OtherwiseDoc | None = None


class CellDoc(TitledDoc):
    """A cell of a cross table with its own reason or title."""

    then: Outcomes | Scalar
    because: BilingualDoc | None = None

    @property
    def values(self) -> Outcomes:
        """Return a value for each outcome, like a table row."""
        return self.then if isinstance(self.then, list | dict) else [self.then]


def _kind_of_cell(cell: object) -> str:
    """Return the form of a cross table's cell, so that only errors of this form are reported."""
    return "CellDoc" if isinstance(cell, dict | CellDoc) else "list" if isinstance(cell, list) else "text"


CrossCell = Annotated[
    Annotated[CellDoc, Tag("CellDoc")]
    | Annotated[list[Scalar | list[str]], Tag("list")]
    | Annotated[Scalar, Tag("text")],
    Discriminator(_kind_of_cell),
]
"""A value for each outcome, with or without a reason; the value of the only outcome; or `-` for no rule."""


class ColumnDoc(TitledDoc):
    """A column of a cross table: its head is a cell of the `across` input."""

    id: str
    when: str
    because: BilingualDoc | None = None


class CrossRowDoc(TitledDoc):
    """A row of a cross table: its head is a cell of the `down` input, followed by one cell per column."""

    id: str
    when: str
    cells: list[CrossCell]
    because: BilingualDoc


class CrossTableDoc(Doc):
    """A cross table: two inputs, and an outcome for each combination of row and column."""

    hit: str = "UNIQUE"
    aggregate: Literal["sum", "min", "max"] | None = None
    down: str
    across: str
    columns: Annotated[list[ColumnDoc], Field(min_length=1, max_length=MAX_RULES)]
    rows: Annotated[list[CrossRowDoc], Field(min_length=1, max_length=MAX_RULES)]
    otherwise: OtherwiseDoc | None = None


class RulesDoc(Doc):
    """A list of free rules."""

    hit: str
    aggregate: str | None = None
    rows: Annotated[list[RuleDoc], Field(min_length=1, max_length=MAX_RULES)]
    otherwise: OtherwiseDoc | None = None


class ScorecardDoc(Doc):
    """Rules that add points, and the bands that map the total to an outcome."""

    base: str = "0"
    scale: str = "0"
    rows: Annotated[list[PointsDoc], Field(min_length=1, max_length=MAX_RULES)]
    bands: Annotated[list[BandDoc], Field(min_length=1, max_length=100)]


class ExampleDoc(TitledDoc):
    """Facts and the expected result: an outcome with its rule, missing facts, or no matching rule."""

    name: Words
    source: list[str] = []
    as_of: str | None = None
    facts: dict[str, Scalar | list[str]]
    outcome: dict[str, Scalar | list[str]] | list[dict[str, Scalar | list[str]]] | None = None
    rule: str | None = None
    rules: list[str] | None = None
    missing: list[str] | None = None
    status: Literal["no_rule_matched", "conflict"] | None = None


class InvariantDoc(Doc):
    """A law that must hold for every possible subject."""

    id: str
    says: Words | BilingualDoc
    increasing: str | None = None
    decreasing: str | None = None
    never_lowers: str | None = None
    never_raises: str | None = None
    when: str | None = None
    always: str | None = None


class PolicyDoc(Doc):
    """A whole policy file."""

    policy: str
    version: str
    title: BilingualDoc
    source: list[str] = []
    notes: BilingualDoc | None = None
    subject: str
    facts: Annotated[dict[str, FactDoc], Field(max_length=MAX_FACTS)]
    outcome: Annotated[dict[str, OutcomeDoc], Field(min_length=1, max_length=MAX_OUTCOMES)]
    table: TableDoc | None = None
    cross_table: CrossTableDoc | None = None
    rules: RulesDoc | None = None
    scorecard: ScorecardDoc | None = None
    examples: Annotated[list[ExampleDoc], Field(max_length=MAX_EXAMPLES)] = []
    invariants: Annotated[list[InvariantDoc], Field(max_length=100)] = []


def validate_document(document: Any) -> PolicyDoc:  # noqa: ANN401  # whatever the source held
    """Return the document after checking its shape. Raises pydantic.ValidationError with every error."""
    return PolicyDoc.model_validate(document)
