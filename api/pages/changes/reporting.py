"""What the analysis report of a change says, ready to be shown; and its page, `/changes/{change}/report`.

    report = report_of(checked.report, problems=checked.problems, diagnostics=checked.diagnostics, frozen=False)
    {% import "changes/_report.html" as reports with context %} {{ reports.findings(page.report) }} …

A draft is checked when it is asked for; what was submitted has the report that was frozen with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.pages.changes.answers import answer_words
from api.pages.frame import Frame
from api.pages.rendering import Pages
from api.transactions import reading
from policy_service.approval import service as approval
from policy_service.approval.service import Action, Change
from policy_service.language.policy import Bilingual
from policy_service.sentences import Sentence

STRUCTURED = frozenset({"example-failed", "invariant-broken", "other-answers"})
"""Findings whose cases stand in the tables of their candidate."""


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: an error, which blocks the submission, or a warning, which those who sign judge."""

    is_error: bool
    code: str
    policy: str
    says: Bilingual
    cases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """An example or an invariant that does not come out as written, and which evaluators say so."""

    kind: str
    name: str
    title: Bilingual | None
    expected: str
    found: str
    evaluators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Other:
    """An example of the version in force that gets another answer."""

    example: str
    title: Bilingual | None
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """What was found about one version of the change."""

    policy: str
    version: str
    base: str | None
    """The version it was compared with."""
    sentences: Mapping[str, tuple[str, ...]]
    """The differences, by language."""
    alters: bool
    examples: int
    invariants: int
    evaluators: tuple[str, ...]
    failures: tuple[Failed, ...]
    fault: str | None
    others: tuple[Other, ...]


@dataclass(frozen=True, slots=True)
class Dependant:
    """A policy that takes an outcome of one that is ended, and what becomes of it."""

    policy: str
    version: str
    facts: tuple[str, ...]
    then: Sentence


@dataclass(frozen=True, slots=True)
class Ended:
    """A policy that the change ends, and those that depend on it."""

    policy: str
    version: str
    dependants: tuple[Dependant, ...]


THEN: Mapping[str, Sentence] = {
    "ended": Sentence("is ended too"),
    "replaced": Sentence("gets a version that does without"),
    "without": Sentence("goes on without: what it takes is optional"),
    "bereft": Sentence("cannot do without"),
}
"""What becomes of a dependant, in words."""


@dataclass(frozen=True, slots=True)
class Misread:
    """One fault of a policy file that keeps it from being read."""

    text: str
    """The digest of the file."""
    file: int
    """Which of the draft's files it is, from 1; 0 when that is not known."""
    code: str
    message: str
    line: int
    column: int
    hint: str | None


@dataclass(frozen=True, slots=True)
class ReportView:
    """A report, ready to be shown."""

    frozen: bool
    problems: tuple[str, ...]
    """Why a draft cannot be submitted, a sentence each."""
    misread: tuple[Misread, ...]
    findings: tuple[Found, ...]
    candidates: tuple[Candidate, ...]
    around: tuple[tuple[str, str], ...]
    """The policies in force that need a candidate or that a candidate needs, each with its version."""
    endings: tuple[Ended, ...] = ()

    @property
    def errors(self) -> tuple[Found, ...]:
        """What keeps the change from being submitted."""
        return tuple(each for each in self.findings if each.is_error)

    @property
    def warnings(self) -> tuple[Found, ...]:
        """What those who sign judge."""
        return tuple(each for each in self.findings if not each.is_error)

    @property
    def is_there(self) -> bool:
        """Whether the policies could be read, so that there is a report."""
        return bool(self.candidates or self.endings)


@dataclass(frozen=True, slots=True)
class ReportPage:
    """`/changes/{change}/report`."""

    template: ClassVar[str] = "changes/report.html"
    frame: Frame
    change: Change
    report: ReportView
    may_edit: bool


def report_routes(pages: Pages) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)

    @router.get("/changes/{change}/report")
    async def report(request: Request, change: str) -> Response:
        """The report of a change: made now for a draft, the one that was frozen for what was submitted."""
        found, frozen = await reading(pages.service, lambda session: _read(session, change))
        view = frozen or await current_report(pages, change, found.draft.texts)
        may_edit = approval.may(found, Action.EDIT, asker(request).actor, pages.service.clock.now()) is True
        return pages.show(ReportPage(pages.frame(request), found, view, may_edit))

    return router


async def current_report(pages: Pages, change: str, texts: Sequence[str] = ()) -> ReportView:
    """The report of a draft, made now; `texts` are its files. Slow.

    Raises ProblemError, DatabaseUnavailable, Refused.
    """
    checked = await pages.examiner.check(change)
    view = report_of(checked.report, problems=checked.problems, diagnostics=checked.diagnostics, frozen=False)
    numbers = {text: number for number, text in enumerate(texts, 1)}
    return replace(view, misread=tuple(replace(each, file=numbers.get(each.text, 0)) for each in view.misread))


def frozen_report(session: Session, change: Change) -> ReportView:
    """The report that was submitted with a change. Raises UnknownChange when it is a draft."""
    return report_of(approval.read_report(session, change), frozen=True)


def _read(session: Session, change: str) -> tuple[Change, ReportView | None]:
    found = approval.read_change(session, change)
    return found, frozen_report(session, found) if found.submission else None


# ------------------------------------------------------------------------------------------ from what is kept


def report_of(
    report: Mapping[str, Any] | None,
    *,
    problems: Sequence[str] = (),
    diagnostics: Sequence[Mapping[str, Any]] = (),
    frozen: bool,
) -> ReportView:
    """A report as it is kept, with what else is wrong with a draft."""
    kept = report or {"candidates": (), "around": (), "findings": ()}
    return ReportView(
        frozen=frozen,
        problems=_others(problems, kept, diagnostics),
        misread=tuple(_misread(each["text"], fault) for each in diagnostics for fault in each["faults"]),
        findings=tuple(map(_finding, kept["findings"])),
        candidates=tuple(map(_candidate, kept["candidates"])),
        around=tuple((each["policy"], each["version"]) for each in kept["around"]),
        endings=tuple(map(_ended, kept.get("endings", ()))),
    )


def _ended(kept: Mapping[str, Any]) -> Ended:
    dependants = (
        Dependant(each["policy"], each["version"], tuple(each["facts"]), THEN[each["then"]])
        for each in kept["dependants"]
    )
    return Ended(kept["policy"], kept["version"], tuple(dependants))


def _others(
    problems: Sequence[str], report: Mapping[str, Any], diagnostics: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """The problems that are not told elsewhere: not as findings, not as faults of a file."""
    if diagnostics:
        return ()
    errors = [each for each in report["findings"] if each["severity"] == "error"]
    told = {f"{each['policy']}: {'; '.join((each['says']['en'], *each['cases']))}." for each in errors}
    return tuple(problem for problem in problems if problem not in told)


def _misread(text: str, fault: Mapping[str, Any]) -> Misread:
    return Misread(text, 0, fault["code"], fault["message"], fault["line"], fault["column"], fault["hint"])


def _finding(kept: Mapping[str, Any]) -> Found:
    cases = () if kept["code"] in STRUCTURED else tuple(kept["cases"])
    return Found(kept["severity"] == "error", kept["code"], kept["policy"], Bilingual(**kept["says"]), cases)


def _candidate(kept: Mapping[str, Any]) -> Candidate:
    difference, tried = kept["difference"], kept["tried"]
    return Candidate(
        policy=kept["policy"],
        version=kept["version"],
        base=kept["base"]["version"] if kept["base"] else None,
        sentences={lang: tuple(difference["sentences"][lang]) for lang in ("zh", "en")},
        alters=difference["may_alter_answers"],
        examples=kept["examples"],
        invariants=kept["invariants_checked_on_the_examples"],
        evaluators=tuple(tried["evaluators"]),
        failures=_failures(tried["failures"]),
        fault=tried["fault"],
        others=tuple(
            Other(each["example"], _title(each), answer_words(each["before"]), answer_words(each["after"]))
            for each in kept["other_answers"]
        ),
    )


def _failures(kept: Sequence[Mapping[str, Any]]) -> tuple[Failed, ...]:
    """Each failure once, with the evaluators that it is one of."""
    by: dict[tuple[str, str, Bilingual | None, str, str], list[str]] = {}
    for each in kept:
        failure = each["kind"], each["name"], _title(each), each["expected"], each["found"]
        by.setdefault(failure, []).append(each["evaluator"])
    return tuple(
        Failed(kind, name, title, answer_words(expected), answer_words(found), tuple(evaluators))
        for (kind, name, title, expected, found), evaluators in by.items()
    )


def _title(kept: Mapping[str, Any]) -> Bilingual | None:
    """The title of an example, where it has one."""
    return Bilingual(**kept["title"]) if "title" in kept else None
