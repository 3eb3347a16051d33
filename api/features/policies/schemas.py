"""JSON schemas of policies."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from api.web.schemas import Answer, Digest, Model, PageModel, Words, attribute
from policy_service.analysis.difference import difference
from policy_service.analysis.table_difference import DiffStatus, merged_tables
from policy_service.language.policy import Language, Policy
from policy_service.language.policy_members import policy_members
from policy_service.registry.model import Activation, Period
from policy_service.registry.snapshot import Version

OutcomeValue = str | int | bool | list[str]


class PolicySummary(Answer):
    """A summary of one version of a policy."""

    policy: Annotated[str, attribute("id")]
    version: str
    digest: Digest
    domain: str
    subject: str
    title: Words
    source: list[str]


class ListedPolicy(PolicySummary):
    """A policy, in the version that decides, or that was suspended or ended and none applies in its place."""

    status: Literal["in_force", "suspended", "ended"]
    suspension: Annotated[str | None, Field(description="what suspended the version")]
    ended: Annotated[str | None, Field(description="the change that ended the policy")]


class PolicyPage(PageModel[ListedPolicy]):
    """A page of policies, and the cursor of the next."""


class InForceModel(Answer):
    """A half-open period; null for an open end."""

    from_: Annotated[datetime, Field(validation_alias="start", serialization_alias="from")]
    until: datetime | None


class VersionModel(PolicySummary):
    """One version, its submission, and its periods in force, as known now."""

    recorded_at: datetime
    submitted_by: str
    change: str | None
    in_force: list[InForceModel]
    active: bool


class VersionList(Model):
    """Every version of one policy, the newest first."""

    items: list[VersionModel]


class SideModel(Answer):
    """One of the versions that are compared."""

    version: str
    digest: Digest


class AspectModel(Model):
    """One changed aspect."""

    aspect: str
    column: str | None
    before: Words | None
    after: Words | None


class AlterationModel(Model):
    """One added, removed or changed article."""

    what: str
    name: str
    change: Literal["added", "removed", "changed"]
    may_alter_answers: bool
    aspects: list[AspectModel]


class SentencesModel(Model):
    """The difference in words."""

    zh: list[str]
    en: list[str]


class VersionDifference(Model):
    """The difference between two versions, by article."""

    model_config = ConfigDict(populate_by_name=True)

    policy: str
    from_: Annotated[SideModel, Field(alias="from")]
    to: SideModel
    may_alter_answers: bool
    alterations: list[AlterationModel]
    sentences: SentencesModel


class FactModel(Answer):
    """A fact of the policy."""

    name: str
    type: str
    title: Words
    expected: str
    optional: bool
    sensitive: bool
    comes_from: str | None
    measure: str | None


class OutcomeModel(Answer):
    """An outcome of the policy."""

    name: str
    type: str
    title: Words
    expected: str


class RuleModel(Answer):
    """A rule: condition, outcome, reason; `points` for a scorecard's rule."""

    id: str
    title: Words | None
    when: str
    then: dict[str, OutcomeValue]
    because: Words


class InvariantModel(Answer):
    """An invariant of the policy."""

    id: str
    says: Words


class LineModel(Model):
    """A row or a column of a cross table: its name, and what its head asks; `-` asks nothing."""

    id: str
    when: str


class CrossTableModel(Model):
    """A cross table as its grid: `cells` has, row by row, the rule of each column, null where there is none."""

    down: str
    across: str
    rows: list[LineModel]
    columns: list[LineModel]
    cells: list[list[str | None]]


class PolicyDetail(PolicySummary):
    """One version of a policy in full."""

    notes: Words | None
    form: Literal["table", "rules", "scorecard"]
    hit: str
    aggregate: str | None
    facts: list[FactModel]
    outcomes: list[OutcomeModel]
    rules: list[RuleModel]
    cross_table: CrossTableModel | None
    bands: list[RuleModel]
    invariants: list[InvariantModel]
    examples: int


class Requirements(Model):
    """The facts required from a caller, as a JSON Schema, and a working request."""

    model_config = ConfigDict(populate_by_name=True)

    policy: str
    version: str
    digest: Digest
    needs: list[str]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    example: dict[str, Any] | None


class DiagnosticModel(Model):
    """An error or warning about a policy file."""

    file: str
    severity: Literal["error", "warning"]
    code: str
    message: str
    line: int
    column: int
    width: int
    hint: str | None


class CheckAnswer(Model):
    """The check of a policy file, alone and among those served; `text` has all findings as people read them."""

    valid: bool
    policy: str | None
    version: str | None
    digest: Digest | None
    diagnostics: list[DiagnosticModel]
    warnings: list[DiagnosticModel]
    text: str


def listed_policy(policy: Policy, active: Activation) -> ListedPolicy:
    """Return the summary of a policy, and whether it is suspended or was ended."""
    return ListedPolicy.from_value(
        policy,
        status="suspended" if active.is_stop else "ended" if active.is_ending else "in_force",
        suspension=active.suspension if active.is_stop else None,
        ended=active.change if active.is_ending else None,
    )


def version_model(policy: Policy, version: Version, periods: Iterable[Period], now: datetime) -> VersionModel:
    """Return one version, and when it is in force."""
    in_force = tuple(periods)
    return VersionModel.from_value(
        policy,
        recorded_at=version.recorded_at,
        submitted_by=version.submitted_by,
        change=version.change,
        in_force=in_force,
        active=any(period.covers(now) for period in in_force),
    )


def difference_model(old: Policy, new: Policy) -> VersionDifference:
    """Return the difference between two versions."""
    return VersionDifference.model_validate(difference(old, new).to_dict())


def policy_detail(policy: Policy) -> PolicyDetail:
    """Return the policy in full."""
    return PolicyDetail.from_value(policy, **policy_members(policy))


class ColumnModel(Answer):
    """A column of either table."""

    title: str
    status: DiffStatus


class CellModel(Answer):
    """A cell before and after; null where the row or the column was not there."""

    before: str | None
    after: str | None
    changed: bool
    wording_only: Annotated[bool, attribute("is_wording", "it means what it meant, in other words")]


class TableRowModel(Answer):
    """A row of either table, in the order of the new version."""

    status: DiffStatus
    moved_from: Annotated[
        str | None,
        attribute("previous_position", "where the row stood before, when it was moved"),
        BeforeValidator(lambda position: position or None),
    ]
    cells: list[CellModel]


class TableModel(Answer):
    """Two tables in one."""

    columns: list[ColumnModel]
    rows: list[TableRowModel]


class TableDifference(Answer):
    """All that two versions say in tables; null where neither has such a table."""

    policy: str
    from_: Annotated[SideModel, Field(alias="from")]
    to: SideModel
    lang: Language
    rules: TableModel
    grid: Annotated[TableModel | None, Field(description="the rules of cross tables as one grid")]
    bands: TableModel | None
    facts: TableModel
    outcomes: TableModel


def table_difference(old: Policy, new: Policy, lang: Language) -> TableDifference:
    """Return two versions merged."""
    return TableDifference.from_value(
        merged_tables(difference(old, new), lang), policy=new.id, from_=old, to=new, lang=lang
    )
