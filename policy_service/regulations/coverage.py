"""Coverage of a regulation: the policies, rules and examples for each of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from policy_service.language.policy import Example, Policy, Rule
from policy_service.regulations.regulation import Regulation, RegulationRow, RegulationSection, cited_rows


class Status(StrEnum):
    """The kind of a row's implementation."""

    POLICY = "policy"
    FEATURE = "feature"
    NOT_YET = "not_yet"
    NOTHING = "nothing"
    """No policy cites it, and the regulation names no feature either: an error."""


@dataclass(frozen=True, slots=True)
class PolicyCitation:
    """One policy that cites a row."""

    policy: Policy
    rules: tuple[Rule, ...]
    """The rules and bands whose reasons cite it; empty if the policy cites it as a whole."""
    examples: tuple[Example, ...]
    """The examples that cite it."""


@dataclass(frozen=True, slots=True)
class RowCoverage:
    """A row, and its implementation."""

    row: RegulationRow
    status: Status
    citations: tuple[PolicyCitation, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """A regulation, row by row."""

    regulation: Regulation
    sections: tuple[tuple[RegulationSection, tuple[RowCoverage, ...]], ...]

    @property
    def rows(self) -> tuple[RowCoverage, ...]:
        """The rows of all sections, in order."""
        return tuple(each for _, rows in self.sections for each in rows)

    def count(self, status: Status) -> int:
        """Count the rows with a status."""
        return sum(each.status is status for each in self.rows)


def coverage_of(regulation: Regulation, policies: Iterable[Policy]) -> Coverage:
    """Return the coverage of each row; `policies` has one version of each policy."""
    policies = sorted(policies, key=lambda policy: policy.id)
    by_row: dict[str, list[PolicyCitation]] = {}
    for policy in policies:
        for row, citation in _citations(policy).items():
            by_row.setdefault(row, []).append(citation)
    return Coverage(
        regulation,
        tuple(
            (section, tuple(_row_coverage(row, by_row.get(row.id, ())) for row in section.rows))
            for section in regulation.sections
        ),
    )


def rows_cited_by(policy: Policy) -> tuple[str, ...]:
    """Return the rows that a policy cites: as a whole, in a reason, or in an example."""
    reasons = (row for rule in policy.all_rules for row in (*cited_rows(rule.because.zh), *cited_rows(rule.because.en)))
    examples = (row for example in policy.examples for row in example.source)
    return tuple(dict.fromkeys((*policy.source, *reasons, *examples)))


def _citations(policy: Policy) -> dict[str, PolicyCitation]:
    return {
        row: PolicyCitation(
            policy,
            tuple(rule for rule in policy.all_rules if row in cited_rows(f"{rule.because.zh} {rule.because.en}")),
            tuple(example for example in policy.examples if row in example.source),
        )
        for row in policy.source
    }


def _row_coverage(row: RegulationRow, citations: Sequence[PolicyCitation]) -> RowCoverage:
    if citations:
        return RowCoverage(row, Status.POLICY, tuple(citations))
    status = Status.FEATURE if row.feature else Status.NOT_YET if row.not_yet else Status.NOTHING
    return RowCoverage(row, status, ())
