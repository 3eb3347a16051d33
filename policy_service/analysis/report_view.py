"""A stored analysis report for display: its findings, candidates, failures and endings as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policy_service.analysis.result_texts import localized_result
from policy_service.language.policy import Bilingual
from policy_service.messages import Message

TABULATED = frozenset({"example-failed", "invariant-broken", "other-answers"})
"""Findings whose cases are shown in their candidate's tables."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: an error, which blocks the submission, or a warning for signers."""

    is_error: bool
    code: str
    policy: str
    says: Bilingual
    cases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed example or invariant, and the evaluators that report it."""

    kind: str
    name: str
    title: Bilingual | None
    expected: str
    actual: str
    evaluators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangedAnswer:
    """An example of the version in force whose answer changes."""

    example: str
    title: Bilingual | None
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """The findings about one version of the change."""

    policy: str
    version: str
    base: str | None
    """The version compared with."""
    sentences: Mapping[str, tuple[str, ...]]
    """The differences, by language."""
    alters: bool
    examples: int
    invariants: int
    evaluators: tuple[str, ...]
    failures: tuple[Failure, ...]
    error: str | None
    changed_answers: tuple[ChangedAnswer, ...]


@dataclass(frozen=True, slots=True)
class Dependant:
    """A policy that uses an outcome of an ended one, and the consequence."""

    policy: str
    version: str
    facts: tuple[str, ...]
    consequence: Message


@dataclass(frozen=True, slots=True)
class EndedPolicy:
    """A policy that the change ends, and its dependants."""

    policy: str
    version: str
    dependants: tuple[Dependant, ...]


CONSEQUENCES: Mapping[str, Message] = {
    "ended": Message("ended too"),
    "replaced": Message("gets a version that does not use it"),
    "without": Message("continues: the input is optional"),
    "bereft": Message("requires it"),
}
"""The consequences for a dependant, in words."""


@dataclass(frozen=True, slots=True)
class FileError:
    """One error of a policy file that prevents parsing."""

    text: str
    """The digest of the file."""
    file: int
    """The position of the file in the draft, from 1; 0 if unknown."""
    code: str
    message: str
    line: int
    column: int
    hint: str | None


@dataclass(frozen=True, slots=True)
class ReportView:
    """A report for display."""

    frozen: bool
    problems: tuple[str, ...]
    """Why a draft cannot be submitted."""
    file_errors: tuple[FileError, ...]
    findings: tuple[Finding, ...]
    candidates: tuple[Candidate, ...]
    neighbours: tuple[tuple[str, str], ...]
    """The policies in force that depend on a candidate, or on which a candidate depends, with their versions."""
    endings: tuple[EndedPolicy, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep the change from being submitted."""
        return tuple(each for each in self.findings if each.is_error)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that signers review."""
        return tuple(each for each in self.findings if not each.is_error)

    @property
    def is_complete(self) -> bool:
        """True if all policies could be parsed, so that there is a report."""
        return bool(self.candidates or self.endings)


def report_of(
    report: Mapping[str, Any] | None,
    *,
    problems: Sequence[str] = (),
    diagnostics: Sequence[Mapping[str, Any]] = (),
    frozen: bool,
) -> ReportView:
    """Return a stored report for display, with the other problems of a draft."""
    stored = report or {"candidates": (), "around": (), "findings": ()}
    return ReportView(
        frozen=frozen,
        problems=_other_problems(problems, stored, diagnostics),
        file_errors=tuple(_file_error(each["text"], error) for each in diagnostics for error in each["faults"]),
        findings=tuple(map(_finding, stored["findings"])),
        candidates=tuple(map(_candidate, stored["candidates"])),
        neighbours=tuple((each["policy"], each["version"]) for each in stored["around"]),
        endings=tuple(map(_ended_policy, stored.get("endings", ()))),
    )


def _ended_policy(stored: Mapping[str, Any]) -> EndedPolicy:
    dependants = (
        Dependant(each["policy"], each["version"], tuple(each["facts"]), CONSEQUENCES[each["then"]])
        for each in stored["dependants"]
    )
    return EndedPolicy(stored["policy"], stored["version"], tuple(dependants))


def _other_problems(
    problems: Sequence[str], report: Mapping[str, Any], diagnostics: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Return the problems that are shown nowhere else, as findings or file errors."""
    if diagnostics:
        return ()
    errors = [each for each in report["findings"] if each["severity"] == "error"]
    reported = {f"{each['policy']}: {'; '.join((each['says']['en'], *each['cases']))}." for each in errors}
    return tuple(problem for problem in problems if problem not in reported)


def _file_error(text: str, error: Mapping[str, Any]) -> FileError:
    return FileError(text, 0, error["code"], error["message"], error["line"], error["column"], error["hint"])


def _finding(stored: Mapping[str, Any]) -> Finding:
    cases = () if stored["code"] in TABULATED else tuple(stored["cases"])
    return Finding(stored["severity"] == "error", stored["code"], stored["policy"], Bilingual(**stored["says"]), cases)


def _candidate(stored: Mapping[str, Any]) -> Candidate:
    difference, run = stored["difference"], stored["tried"]
    return Candidate(
        policy=stored["policy"],
        version=stored["version"],
        base=stored["base"]["version"] if stored["base"] else None,
        sentences={lang: tuple(difference["sentences"][lang]) for lang in ("zh", "en")},
        alters=difference["may_alter_answers"],
        examples=stored["examples"],
        invariants=stored["invariants_checked_on_the_examples"],
        evaluators=tuple(run["evaluators"]),
        failures=_failures(run["failures"]),
        error=run["fault"],
        changed_answers=tuple(
            ChangedAnswer(
                each["example"], _title(each), localized_result(each["before"]), localized_result(each["after"])
            )
            for each in stored["other_answers"]
        ),
    )


def _failures(stored: Sequence[Mapping[str, Any]]) -> tuple[Failure, ...]:
    """Return each failure once, with its evaluators."""
    by_failure: dict[tuple[str, str, Bilingual | None, str, str], list[str]] = {}
    for each in stored:
        key = each["kind"], each["name"], _title(each), each["expected"], each["found"]
        by_failure.setdefault(key, []).append(each["evaluator"])
    return tuple(
        Failure(kind, name, title, localized_result(expected), localized_result(actual), tuple(evaluators))
        for (kind, name, title, expected, actual), evaluators in by_failure.items()
    )


def _title(stored: Mapping[str, Any]) -> Bilingual | None:
    """Return the title of an example, where it has one."""
    return Bilingual(**stored["title"]) if "title" in stored else None
