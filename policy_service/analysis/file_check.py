"""Checks policy files being edited, alone and together with the policies in force: errors and examples.

    report = check_files(contents, served)     for pages: with excerpts, and the examples run
    document = check_file(content, served)     for programs: the diagnostics of one file

The examples only run with the reference evaluator, which is fast; the analysis report uses every evaluator.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from policy_service.analysis.examples import check_example, check_invariants, day_of, describe_result, facts_of
from policy_service.analysis.lint import lint
from policy_service.analysis.result_texts import localized_result
from policy_service.language.diagnostics import Diagnostic, PolicyError
from policy_service.language.evaluate import evaluate
from policy_service.language.load import PolicyFolderError, load_bytes
from policy_service.language.outcome import Result
from policy_service.language.policy import Bilingual, Example, Policy
from policy_service.language.requirements import topological_order
from policy_service.language.types import Value

FILE = "policy.yaml"
"""The name of an unnamed file in diagnostics."""
EXCERPT_WIDTH = 160
"""Maximum length of the excerpt around an error, characters."""
Evaluate = Callable[[Mapping[str, Value], date], Result]


@dataclass(frozen=True, slots=True)
class DiagnosticView:
    """One error or warning of a file: position, message, and the line in three pieces, the marked one second."""

    code: str
    message: str
    hint: str | None
    line: int
    column: int
    width: int
    before: str
    marked: str
    after: str


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """One example, or one invariant on its facts, and the result."""

    name: str
    actual: str
    expected: str | Bilingual | None = None
    """The expected result, if it failed."""
    is_law: bool = False
    title: Bilingual | None = None


@dataclass(frozen=True, slots=True)
class FileReport:
    """The result of checking one file."""

    label: str
    """The policy and version, if the file can be parsed."""
    errors: tuple[DiagnosticView, ...] = ()
    more_errors: int = 0
    """The number of errors not listed."""
    results: tuple[ExampleResult, ...] = ()
    warnings: tuple[DiagnosticView, ...] = ()
    """Warnings about a file without errors."""

    @property
    def failed(self) -> tuple[ExampleResult, ...]:
        """The examples and laws that failed."""
        return tuple(each for each in self.results if each.expected is not None)

    @property
    def passed(self) -> tuple[ExampleResult, ...]:
        """The examples and laws that passed."""
        return tuple(each for each in self.results if each.expected is None)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of checking all files of a draft."""

    files: tuple[FileReport, ...]
    misfits: tuple[tuple[str, str], ...] = ()
    """The policies in force that would no longer fit, each with the reason."""

    @property
    def error_count(self) -> int:
        """The number of errors."""
        return sum(len(each.errors) + each.more_errors for each in self.files) + len(self.misfits)

    @property
    def warning_count(self) -> int:
        """The number of warnings."""
        return sum(len(each.warnings) for each in self.files)

    @property
    def failed_count(self) -> int:
        """The number of examples that failed."""
        return sum(len(each.failed) for each in self.files)

    @property
    def result_count(self) -> int:
        """The number of examples and laws that ran."""
        return sum(len(each.results) for each in self.files)


def check_files(contents: Sequence[bytes], served: Mapping[str, Policy], ended: Collection[str] = ()) -> CheckReport:
    """Check a draft's files together with the policies served; `ended` are the ended ones."""
    results = [_load(content, "draft.yaml") for content in contents]
    policies = [each for each in results if isinstance(each, Policy)]
    misfits, others = _misfits(policies, served, ended) if len(policies) == len(results) else ({}, ())
    return CheckReport(tuple(_file_report(each, misfits) for each in results), others)


def check_file(content: bytes, served: Mapping[str, Policy], ended: Collection[str] = ()) -> dict[str, Any]:
    """Return the errors of a policy file, alone and in place of the served version of its policy."""
    policy = _load(content, FILE)
    error = policy if isinstance(policy, PolicyError) else _fit([policy], served, ended)
    loaded = policy if isinstance(policy, Policy) else None
    warnings = lint(loaded) if loaded else ()
    lines = loaded.text.splitlines() if loaded else []
    return {
        "valid": error is None,
        "policy": loaded.id if loaded else None,
        "version": loaded.version if loaded else None,
        "digest": loaded.digest if loaded else None,
        "diagnostics": _diagnostics(error) if error else [],
        "warnings": [{"file": FILE, **each.to_dict()} for each in warnings],
        "text": "\n".join([*([error.render()] if error else []), *(each.render(FILE, lines) for each in warnings)]),
    }


def _diagnostics(error: PolicyError) -> list[dict[str, Any]]:
    errors = error.errors if isinstance(error, PolicyFolderError) else (error,)
    return [{"file": each.path, **diagnostic.to_dict()} for each in errors for diagnostic in each.diagnostics]


def _load(content: bytes, file: str) -> Policy | PolicyError:
    try:
        return load_bytes(content, file)
    except PolicyError as error:
        return error


def _fit(policies: Sequence[Policy], served: Mapping[str, Policy], ended: Collection[str]) -> PolicyFolderError | None:
    """Return why the policies do not fit among those served, each in place of the one with its name."""
    replaced = {policy.id for policy in policies}
    try:
        topological_order([*(policy for name, policy in served.items() if name not in replaced), *policies], ended)
    except PolicyFolderError as error:
        return error
    return None


def _file_report(result: Policy | PolicyError, misfits: Mapping[str, Sequence[Diagnostic]]) -> FileReport:
    if isinstance(result, PolicyError):
        return FileReport("", _diagnostic_views(result.diagnostics, result.text), result.more)
    errors = _diagnostic_views(misfits.get(result.id, ()), result.text)
    return FileReport(
        f"{result.id} {result.version}",
        errors,
        0,
        tuple(_run_examples(result)),
        _diagnostic_views(lint(result), result.text),
    )


def _misfits(
    policies: Sequence[Policy], served: Mapping[str, Policy], ended: Collection[str]
) -> tuple[Mapping[str, Sequence[Diagnostic]], tuple[tuple[str, str], ...]]:
    """Return the incompatibilities: of the files by policy, and of the policies in force."""
    error = _fit(policies, served, ended)
    if error is None:
        return {}, ()
    drafted = {policy.id for policy in policies}
    by_policy = {each.path.rpartition("/")[0]: each.diagnostics for each in error.errors}
    others = [
        (name, diagnostic.message)
        for name, diagnostics in by_policy.items()
        if name not in drafted
        for diagnostic in diagnostics
    ]
    return {name: diagnostics for name, diagnostics in by_policy.items() if name in drafted}, tuple(others)


def _run_examples(policy: Policy) -> Iterable[ExampleResult]:
    evaluator: Evaluate = partial(evaluate, policy)
    for example in policy.examples:
        yield _run_example(policy, example, evaluator)
    failed = {failure.name: failure for failure in check_invariants(policy, evaluator)}
    for law in policy.invariants:
        failure = failed.get(law.id)
        actual, expected = (failure.actual, law.says) if failure else ("", None)
        yield ExampleResult(law.id, actual, expected, is_law=True)


def _run_example(policy: Policy, example: Example, evaluator: Evaluate) -> ExampleResult:
    failure = check_example(policy, example, evaluator)
    if failure is not None:
        actual, expected = localized_result(failure.actual), localized_result(failure.expected)
        return ExampleResult(example.name, actual, expected, title=example.title)
    actual = localized_result(describe_result(policy, evaluator(facts_of(example), day_of(example))))
    return ExampleResult(example.name, actual, title=example.title)


def _diagnostic_views(diagnostics: Iterable[Diagnostic], text: str) -> tuple[DiagnosticView, ...]:
    lines = text.splitlines()
    return tuple(_diagnostic_view(each, lines) for each in diagnostics)


def _diagnostic_view(diagnostic: Diagnostic, lines: Sequence[str]) -> DiagnosticView:
    span = diagnostic.span
    line = lines[span.line - 1] if 0 < span.line <= len(lines) else ""
    first, last = span.column - 1, span.column - 1 + span.width
    start = max(0, first - EXCERPT_WIDTH // 2)
    before, marked = line[start:first], line[first : min(last, first + EXCERPT_WIDTH)]
    after = line[last : max(last, start + EXCERPT_WIDTH)] if last - first <= EXCERPT_WIDTH else ""
    return DiagnosticView(
        code=str(diagnostic.code),
        message=diagnostic.message,
        hint=diagnostic.hint,
        line=span.line,
        column=span.column,
        width=span.width,
        before=f"…{before}" if start else before.lstrip(),
        marked=marked,
        after=after,
    )
