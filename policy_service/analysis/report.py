"""The analysis report, shown to directors before signing; its errors prevent submission.

For every candidate: the difference from the version in force, the results of its examples by every evaluator, and the
examples of the old version with other answers. For all candidates together: whether the policies still fit. A finding
is an error, which blocks the submission, or a warning, which a person must judge.

The report only depends on the candidates and the policies around them, so it is reproducible.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from policy_service.analysis.candidate import CandidateReport, examine_candidate
from policy_service.analysis.endings import Ending, dependant_errors, endings
from policy_service.analysis.example_run import pass_smoke_tests
from policy_service.analysis.findings import (
    Finding,
    affected_dependants,
    candidate_errors,
    candidate_warnings,
    duplicate_errors,
    requirement_errors,
)
from policy_service.canonical import digest_of
from policy_service.language.policy import Policy
from policy_service.language.requirements import required_policies


@dataclass(frozen=True, slots=True)
class Report:
    """All findings about the candidates of a change."""

    candidates: tuple[CandidateReport, ...]
    related: tuple[Policy, ...]
    """The policies in force that depend on a candidate, or on which a candidate depends."""
    findings: tuple[Finding, ...]
    endings: tuple[Ending, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep the change from being submitted."""
        return tuple(each for each in self.findings if each.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that signers must review."""
        return tuple(each for each in self.findings if each.severity == "warning")

    @property
    def digest(self) -> str:
        """The digest of the whole report."""
        return digest_of(self.to_dict())

    def to_dict(self) -> dict[str, object]:
        return {
            "candidates": [each.to_dict() for each in self.candidates],
            "around": [{"policy": each.id, "version": each.version, "digest": each.digest} for each in self.related],
            "findings": [each.to_dict() for each in self.findings],
            **({"endings": [each.to_dict() for each in self.endings]} if self.endings else {}),
        }


def analyse(
    candidates: Sequence[Policy],
    in_force: Mapping[str, Policy],
    ends: Collection[str] = (),
    absent: Collection[str] = (),
) -> Report:
    """Examine candidates against the policies in force, by name. Slow: every candidate is built and tested."""
    ended = endings(candidates, in_force, ends)
    is_smoke_tested = len(candidates) > 1 and pass_smoke_tests(candidates)
    examined = tuple(
        examine_candidate(policy, in_force.get(policy.id), is_smoke_tested=is_smoke_tested) for policy in candidates
    )
    names = {policy.id for policy in candidates} | set(ends)
    required = {name for policy in candidates for name in required_policies(policy)}
    related = tuple(
        policy
        for name, policy in sorted(in_force.items())
        if name not in names and (name in required or required_policies(policy) & names)
    )
    candidate_findings = (
        finding for each in examined for finding in (*candidate_errors(each), *candidate_warnings(each))
    )
    shared_findings = (
        *duplicate_errors(candidates),
        *requirement_errors(candidates, in_force, ends, absent),
        *dependant_errors(ended),
        *affected_dependants(examined, related),
    )
    return Report(examined, related, (*candidate_findings, *shared_findings), ended)
