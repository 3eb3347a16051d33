"""Findings about the candidates of a change: errors, which block it, and warnings, which a person must judge.

| code                    | severity | what                                                                      |
|-------------------------|----------|---------------------------------------------------------------------------|
| `policy-twice`          | error    | the change holds two versions of one policy                               |
| `engine-refused`        | error    | the rules engine cannot be trusted with the policy                        |
| `example-failed`        | error    | an example does not come out as the policy says                           |
| `invariant-broken`      | error    | an example's facts break a law of the policy                              |
| `requirement-unfit`     | error    | the policy needs what is not in force, or what does not fit               |
| `dependant-unfit`       | error    | a policy in force would no longer fit                                     |
| `dependant-bereft`      | error    | a policy cannot do without an outcome of one that is ended                |
| `older-version`         | warning  | a lower number than the version in force                                  |
| `nothing-changed`       | warning  | the very version that is in force                                         |
| `facts-demanded`        | warning  | a fact must be given that need not have been                              |
| `other-answers`         | warning  | examples of the version in force get other answers                        |
| `invariants-dropped`    | warning  | a law of the version in force is no longer there                          |
| `rules-untried`         | warning  | no example is decided by the rule                                         |
| `reading-warnings`      | warning  | the file holds what may not say what was meant: `analysis/lint.py`        |
| `dependants-affected`   | warning  | policies in force take an outcome of a policy whose answers may change    |
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from policy_service.analysis.candidate import CandidateReport
from policy_service.analysis.example_run import EVALUATORS, ExampleRun
from policy_service.language.load import PolicyFolderError, version_key
from policy_service.language.policy import Bilingual, Policy
from policy_service.language.requirements import required_policies, topological_order
from policy_service.messages import Message, plain_text

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding: its code, policy, message (in English a `Message`), and cases."""

    severity: Severity
    code: str
    policy: str
    message: Bilingual
    cases: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        return {
            "severity": self.severity,
            "code": self.code,
            "policy": self.policy,
            "says": {"zh": self.message.zh, "en": plain_text(self.message.en)},
            "cases": list(self.cases),
        }


def duplicate_errors(candidates: Sequence[Policy]) -> Iterator[Finding]:
    """Yield an error for each policy with several candidates."""
    versions: dict[str, list[str]] = {}
    for policy in candidates:
        versions.setdefault(policy.id, []).append(policy.version)
    for name, numbers in versions.items():
        if len(numbers) > 1:
            message = Bilingual(
                "同一变更中有该政策的多个版本", Message("the change holds several versions of this policy")
            )
            yield Finding("error", "policy-twice", name, message, tuple(numbers))


def candidate_errors(candidate: CandidateReport) -> Iterator[Finding]:
    """List the errors of one candidate by itself."""
    name, run = candidate.policy.id, candidate.example_run
    if run.error is not None:
        message = Bilingual(
            "规则引擎不能可靠地执行该政策", Message("the rules engine cannot be trusted with this policy")
        )
        yield Finding("error", "engine-refused", name, message, (run.error,))
    for kind, code, message in (
        (
            "example",
            "example-failed",
            Bilingual("有示例未通过", Message("examples fail")),
        ),
        (
            "invariant",
            "invariant-broken",
            Bilingual("有示例违反业务约束", Message("examples break laws of the policy")),
        ),
    ):
        cases = tuple(_failure_lines(run, kind))
        if cases:
            yield Finding("error", code, name, message, cases)


def _failure_lines(run: ExampleRun, kind: str) -> Iterator[str]:
    """Yield each failure once, with the evaluators unless all fail."""
    evaluators_by_line: dict[str, list[str]] = {}
    for evaluator, failed_kind, failure in run.failures:
        if failed_kind == kind:
            line = f"{failure.name}: expected {failure.expected}, found {failure.actual}"
            evaluators_by_line.setdefault(line, []).append(evaluator)
    for line, names in evaluators_by_line.items():
        yield line if len(names) == len(EVALUATORS) else f"{line} (by {', '.join(names)})"


def requirement_errors(
    candidates: Sequence[Policy],
    in_force: Mapping[str, Policy],
    ends: Collection[str] = (),
    absent: Collection[str] = (),
) -> Iterator[Finding]:
    """Yield an error for each new incompatibility, without the policies that are or were ended."""
    proposed = {policy.id: policy for policy in candidates}
    before = set(_requirement_problems(in_force.values(), absent))
    remaining = {name: policy for name, policy in in_force.items() if name not in ends}
    for name, version, message in _requirement_problems({**remaining, **proposed}.values(), {*ends, *absent}):
        if name in proposed:
            text = Bilingual("与生效中的政策不相容", Message("it does not fit the policies in force"))
            yield Finding("error", "requirement-unfit", name, text, (message,))
        elif (name, version, message) not in before:
            text = Bilingual(
                f"生效中的 {name} {version} 将不再相容",
                Message("{policy} {version}, which is in force, would no longer fit", policy=name, version=version),
            )
            yield Finding("error", "dependant-unfit", name, text, (message,))


def _requirement_problems(policies: Iterable[Policy], absent: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the policy, version and message of each incompatibility."""
    try:
        topological_order(policies, absent)
    except PolicyFolderError as error:
        for each in error.errors:
            name, _, file = each.path.rpartition("/")
            for diagnostic in each.diagnostics:
                yield name, file.removesuffix(".yaml"), f"{diagnostic.code}: {diagnostic.message}"


def affected_dependants(examined: Sequence[CandidateReport], related: Sequence[Policy]) -> Iterator[Finding]:
    """Yield a warning for each policy in force whose answers may change because a candidate's may."""
    for candidate in examined:
        cases = tuple(f"{each.id} {each.version}" for each in related if candidate.policy.id in required_policies(each))
        if cases and candidate.difference.alters:
            message = Bilingual("生效中的政策取用其结果，也会受影响", Message("policies in force take its outcome"))
            yield Finding("warning", "dependants-affected", candidate.policy.id, message, cases)


def candidate_warnings(candidate: CandidateReport) -> Iterator[Finding]:
    """List what signers should know about one candidate."""
    for code, (message, find_cases) in _WARNING_CHECKS.items():
        if cases := tuple(find_cases(candidate)):
            yield Finding("warning", code, candidate.policy.id, message, cases)


def _older(candidate: CandidateReport) -> Iterable[str]:
    base = candidate.base
    return (base.version,) if base and version_key(candidate.policy.version) < version_key(base.version) else ()


def _same(candidate: CandidateReport) -> Iterable[str]:
    return (candidate.policy.version,) if candidate.base and candidate.base.digest == candidate.policy.digest else ()


def _demanded(candidate: CandidateReport) -> Iterable[str]:
    if candidate.base is None:
        return ()
    before = {name for name, fact in candidate.base.facts.items() if not fact.optional}
    return (name for name, fact in candidate.policy.facts.items() if not fact.optional and name not in before)


def _changed_answers(candidate: CandidateReport) -> Iterable[str]:
    return (f"{each.example}: was {each.before}, is now {each.after}" for each in candidate.changed_answers)


def _dropped(candidate: CandidateReport) -> Iterable[str]:
    remaining = {law.id for law in candidate.policy.invariants}
    return (law.id for law in (candidate.base.invariants if candidate.base else ()) if law.id not in remaining)


def _untried(candidate: CandidateReport) -> Iterable[str]:
    used = {rule for example in candidate.policy.examples for rule in example.rules or ()}
    return (rule.id for rule in candidate.policy.all_rules if rule.id not in used)


def _questionable(candidate: CandidateReport) -> Iterable[str]:
    return (f"line {each.span.line}: {each.message}" for each in candidate.warnings)


_WARNING_CHECKS: Mapping[str, tuple[Bilingual, Callable[[CandidateReport], Iterable[str]]]] = {
    "older-version": (
        Bilingual("版本号低于生效中的版本", Message("a lower number than the version in force")),
        _older,
    ),
    "nothing-changed": (Bilingual("即为生效中的版本", Message("this very version is in force")), _same),
    "facts-demanded": (Bilingual("新增必填输入项", Message("new required facts")), _demanded),
    "other-answers": (
        Bilingual("原有示例的结果有变化", Message("examples of the version in force change result")),
        _changed_answers,
    ),
    "invariants-dropped": (Bilingual("删去了业务约束", Message("laws were removed")), _dropped),
    "reading-warnings": (
        Bilingual("文件中有可能并非本意的写法", Message("the file holds what may not say what was meant")),
        _questionable,
    ),
    "rules-untried": (Bilingual("没有示例用到以下规则", Message("no example is decided by these rules")), _untried),
}
