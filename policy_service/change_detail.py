"""The detail of a change for display: its versions compared with those in force, and its effect.

A submitted change is shown with its frozen report, so that a reader sees what was signed. Of a draft's files only the
titles are read here: checking them is slow, and happens when the report is requested.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from policy_service.analysis.changed_cells import MAX_LINES, ChangedCells, changed_cells
from policy_service.analysis.difference import difference
from policy_service.analysis.report_view import Candidate, ReportView, report_of
from policy_service.analysis.result_texts import result_in_words
from policy_service.analysis.table_difference import MergedTables, merged_tables
from policy_service.approval import service as approval
from policy_service.approval.service import Change, DraftCheck, Version
from policy_service.compilers.prose import Explanation, explanation
from policy_service.language.digest_cache import cached_by_digest
from policy_service.language.file_text import browser_text, declared_version, title_of
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.lru_cache import LruCache
from policy_service.messages import Message
from policy_service.population.effect_view import EffectView, read_effect_view, warnings_of
from policy_service.registry.catalogue import Catalogue

CACHE_SIZE = 4 * 2**20
"""Capacity of the cache of draft heads, characters of texts, a thousand for each."""


@dataclass(frozen=True, slots=True)
class VersionComparison:
    """One version of a change compared with the one in force without it."""

    policy: Policy
    base: Policy | None
    candidate: Candidate
    """The candidate's part of the frozen report."""
    prose: Explanation
    tables: MergedTables


@dataclass(frozen=True, slots=True)
class DraftText:
    """A file of a draft, with the titles in its text."""

    digest: str
    title: Bilingual
    version: str
    """Empty if the file declares none."""


@dataclass(frozen=True, slots=True)
class ChangeDetail:
    """The content of a change."""

    change: Change
    versions: tuple[Version, ...]
    """The submitted or rolled-back versions; empty for a draft of files."""
    texts: tuple[DraftText, ...]
    """A draft's files."""
    report: ReportView | None
    effect: EffectView | None
    """None for drafts, and for submissions from before effects were computed."""
    comparisons: tuple[VersionComparison, ...]

    @property
    def warnings(self) -> tuple[Message, ...]:
        """A message for each way in which a submitted change weakens protection."""
        if self.change.submission is None or self.change.kind == "first_versions":
            return ()
        return warnings_of([(each.base, each.policy) for each in self.comparisons], self.effect)

    @property
    def alters(self) -> bool:
        """True if answers may change."""
        return bool(self.change.draft.ends) or any(each.candidate.alters for each in self.comparisons)

    @property
    def first_cells(self) -> tuple[tuple[VersionComparison, ChangedCells], ...]:
        """The versions with their first changed cells; together as many as fit on one screen."""
        room, cells_by_version = MAX_LINES, []
        for each in self.comparisons:
            cells = changed_cells(each.tables, room)
            room -= len(cells.lines)
            cells_by_version.append((each, cells))
        return tuple(cells_by_version)

    @property
    def example_count(self) -> int:
        """The number of examples that passed in every engine."""
        return sum(each.candidate.examples for each in self.comparisons)

    @property
    def changed_answer_count(self) -> int:
        """The number of examples of the versions in force that change result."""
        return sum(len(each.candidate.changed_answers) for each in self.comparisons)


def read_change_detail(
    session: Session, catalogue: Catalogue, change: Change, lang: Language, *, names: bool
) -> ChangeDetail:
    """Return the content of a change; `names` is True if the reader may see the movers. Raises UnknownChange."""
    submission = change.submission
    versions = change.versions
    report = frozen_report(session, change) if submission else None
    compared = tuple(
        _comparison(session, catalogue, version, candidate, submission.bases, lang)
        for version, candidate in _with_candidates(versions, report)
        if submission is not None
    )
    return ChangeDetail(
        change=change,
        versions=versions,
        texts=() if submission else tuple(_draft_text(session, digest) for digest in change.draft.texts),
        report=report,
        effect=read_effect_view(session, catalogue, change, lang, names=names),
        comparisons=compared,
    )


def frozen_report(session: Session, change: Change) -> ReportView:
    """Return the report submitted with a change. Raises UnknownChange for a draft."""
    return report_of(approval.read_report(session, change), frozen=True)


def current_report(result: DraftCheck, texts: Sequence[str] = ()) -> ReportView:
    """Return the report of a draft that was checked; `texts` are its files."""
    view = report_of(result.report, problems=result.problems, diagnostics=result.diagnostics, frozen=False)
    numbers = {text: number for number, text in enumerate(texts, 1)}
    return replace(view, file_errors=tuple(replace(each, file=numbers.get(each.text, 0)) for each in view.file_errors))


_DRAFT_TEXTS: LruCache[str, DraftText] = LruCache(CACHE_SIZE)


def _draft_text(session: Session, digest: str) -> DraftText:
    def read() -> DraftText:
        text = browser_text(approval.read_text(session, digest))
        _, version = declared_version(text)
        return DraftText(digest, title_of(text), version or "")

    return _DRAFT_TEXTS.get_or_make(digest, read, 1_000)


def _with_candidates(versions: Sequence[Version], report: ReportView | None) -> Iterable[tuple[Version, Candidate]]:
    candidates = {(each.policy, each.version): each for each in (report.candidates if report else ())}
    return ((each, candidates[each.policy, each.version]) for each in versions if candidates)


def _comparison(  # noqa: PLR0913, PLR0917  # one version, and all that it is told by
    session: Session,
    catalogue: Catalogue,
    version: Version,
    candidate: Candidate,
    bases: Sequence[Version],
    lang: Language,
) -> VersionComparison:
    policy = catalogue.load(session, version.digest)
    digest = next((each.digest for each in bases if each.policy == version.policy), None)
    base = catalogue.load(session, digest) if digest else None
    if base is not None:
        candidate = replace(
            candidate,
            changed_answers=tuple(
                replace(
                    each,
                    before=result_in_words(each.before, base, lang),
                    after=result_in_words(each.after, policy, lang),
                )
                for each in candidate.changed_answers
            ),
        )
    return VersionComparison(policy, base, candidate, _prose(policy, lang), _merged_tables(base, policy, lang))


@cached_by_digest
def _merged_tables(old: Policy | None, new: Policy, lang: Language) -> MergedTables:
    return merged_tables(difference(old, new), lang).folded()


_prose = cached_by_digest(explanation)
