"""Looks at the policy files of a draft, all together, while they are being written: their faults and their examples.

    looked = look(contents, served)

The examples are tried by the definition of the language alone, which is quick; the report tries every evaluator.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from api.pages.changes.answers import answer_words
from policy_service.analysis.examples import check_example, check_invariants, day_of, facts_of, tell
from policy_service.analysis.lint import lint
from policy_service.language.diagnostics import Diagnostic, PolicyError
from policy_service.language.evaluate import evaluate
from policy_service.language.load import PolicyFolderError, load_bytes
from policy_service.language.outcome import Result
from policy_service.language.policy import Bilingual, Example, Policy
from policy_service.language.requirements import in_stages
from policy_service.language.types import Value

WIDTH = 160
"""Characters of a line that are shown around a fault."""
Evaluate = Callable[[Mapping[str, Value], date], Result]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault or warning of a file: where and what it is, and the line in three pieces, the middle one meant."""

    code: str
    message: str
    hint: str | None
    line: int
    column: int
    width: int
    before: str
    meant: str
    after: str


@dataclass(frozen=True, slots=True)
class Tried:
    """One example, or one law on the examples' facts, and how it came out."""

    name: str
    found: str
    expected: str | Bilingual | None = None
    """What should have come out, when it did not."""
    is_law: bool = False
    title: Bilingual | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen in one file."""

    label: str
    """The policy and version, once the file can be read."""
    faults: tuple[Fault, ...] = ()
    more: int = 0
    """Faults that are not told."""
    tried: tuple[Tried, ...] = ()
    warnings: tuple[Fault, ...] = ()
    """What is questionable in a file without faults."""

    @property
    def failed(self) -> tuple[Tried, ...]:
        """What does not come out as written."""
        return tuple(each for each in self.tried if each.expected is not None)

    @property
    def passed(self) -> tuple[Tried, ...]:
        """What comes out as written."""
        return tuple(each for each in self.tried if each.expected is None)


@dataclass(frozen=True, slots=True)
class Together:
    """What was seen in all files of a draft."""

    files: tuple[Looked, ...]
    others: tuple[tuple[str, str], ...] = ()
    """The policies in force that would no longer fit, each with why."""

    @property
    def faults(self) -> int:
        """How much keeps the files from being valid."""
        return sum(len(each.faults) + each.more for each in self.files) + len(self.others)

    @property
    def warnings(self) -> int:
        """How much is questionable in them."""
        return sum(len(each.warnings) for each in self.files)

    @property
    def failed(self) -> int:
        """How many examples do not come out as written."""
        return sum(len(each.failed) for each in self.files)

    @property
    def tried(self) -> int:
        """How many examples and laws were tried."""
        return sum(len(each.tried) for each in self.files)


def look(contents: Sequence[bytes], served: Mapping[str, Policy], absent: Collection[str] = ()) -> Together:
    """What is to be said about the files of a draft, among the policies served; `absent` are those that were ended."""
    read = [_read(content) for content in contents]
    policies = [each for each in read if isinstance(each, Policy)]
    misfits, others = _misfits(policies, served, absent) if len(policies) == len(read) else ({}, ())
    return Together(tuple(_looked(each, misfits) for each in read), others)


def _read(content: bytes) -> Policy | PolicyError:
    try:
        return load_bytes(content, "draft.yaml")
    except PolicyError as error:
        return error


def _looked(read: Policy | PolicyError, misfits: Mapping[str, Sequence[Diagnostic]]) -> Looked:
    if isinstance(read, PolicyError):
        return Looked("", _faults(read.diagnostics, read.text), read.more)
    faults = _faults(misfits.get(read.id, ()), read.text)
    return Looked(f"{read.id} {read.version}", faults, 0, tuple(_tried(read)), _faults(lint(read), read.text))


def _misfits(
    policies: Sequence[Policy], served: Mapping[str, Policy], absent: Collection[str]
) -> tuple[Mapping[str, Sequence[Diagnostic]], tuple[tuple[str, str], ...]]:
    """What does not fit together: of the files by the policy, and of the policies in force."""
    drafted = {policy.id for policy in policies}
    try:
        in_stages([*(policy for name, policy in served.items() if name not in drafted), *policies], absent)
    except PolicyFolderError as error:
        by = {each.path.rpartition("/")[0]: each.diagnostics for each in error.errors}
        others = [(name, fault.message) for name, found in by.items() if name not in drafted for fault in found]
        return {name: found for name, found in by.items() if name in drafted}, tuple(others)
    return {}, ()


def _tried(policy: Policy) -> Iterable[Tried]:
    evaluator: Evaluate = partial(evaluate, policy)
    for example in policy.examples:
        yield _example(policy, example, evaluator)
    failed = {failure.name: failure for failure in check_invariants(policy, evaluator)}
    for law in policy.invariants:
        failure = failed.get(law.id)
        found, expected = (failure.found, law.says) if failure else ("", None)
        yield Tried(law.id, found, expected, is_law=True)


def _example(policy: Policy, example: Example, evaluator: Evaluate) -> Tried:
    failure = check_example(policy, example, evaluator)
    if failure is not None:
        found, expected = answer_words(failure.found), answer_words(failure.expected)
        return Tried(example.name, found, expected, title=example.title)
    found = answer_words(tell(policy, evaluator(facts_of(example), day_of(example))))
    return Tried(example.name, found, title=example.title)


def _faults(diagnostics: Iterable[Diagnostic], text: str) -> tuple[Fault, ...]:
    lines = text.splitlines()
    return tuple(_fault(each, lines) for each in diagnostics)


def _fault(found: Diagnostic, lines: Sequence[str]) -> Fault:
    place = found.place
    line = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
    first, last = place.column - 1, place.column - 1 + place.width
    start = max(0, first - WIDTH // 2)
    before, meant = line[start:first], line[first : min(last, first + WIDTH)]
    after = line[last : max(last, start + WIDTH)] if last - first <= WIDTH else ""
    return Fault(
        code=str(found.code),
        message=found.message,
        hint=found.hint,
        line=place.line,
        column=place.column,
        width=place.width,
        before=f"…{before}" if start else before.lstrip(),
        meant=meant,
        after=after,
    )
