"""The detail of a change, ready to be read: its versions beside what they were compared with, and when they apply.

A submitted change is shown by the report frozen with it, so that a reader sees what was signed. Of the files of
a draft only the titles are read here: to check them may take long, and happens when its report is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session

from api.features.changes.report import frozen_report
from api.features.changes.simulation import may_read_subjects
from api.kit.drawing import Bar, Timeline, timeline
from api.kit.frame import Frame
from policy_service.analysis.changed_cells import MAX_LINES, ChangedCells, changed_cells
from policy_service.analysis.difference import difference
from policy_service.analysis.report_view import Candidate, ReportView
from policy_service.analysis.result_texts import result_in_words
from policy_service.analysis.table_difference import MergedTables, merged_tables
from policy_service.approval import service as approval
from policy_service.approval.service import Change, ChangeState, Version
from policy_service.compilers.prose import Explanation, explanation
from policy_service.labels import enum_label
from policy_service.language.file_text import browser_text, declared_version, title_of
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.lru_cache import LruCache
from policy_service.messages import Message
from policy_service.population.effect_view import EffectView, read_effect_view, warnings_of
from policy_service.registry import model
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.model import Activation, Period

CACHE_SIZE = 4 * 2**20
"""Characters of policy files whose tables stay merged, and whose words stay rendered, in each language once."""
PAST_PIECES = 4
"""Pieces of time before now that a timeline shows."""
UPCOMING_PIECES = 8
"""Pieces of time from now on that it shows."""


@dataclass(frozen=True, slots=True)
class VersionComparison:
    """One version of a change beside the one that would be in force without it."""

    policy: Policy
    base: Policy | None
    candidate: Candidate
    """What the frozen report says about it."""
    prose: Explanation
    tables: MergedTables

    @property
    def compare_address(self) -> str | None:
        """The address of the two versions side by side."""
        if self.base is None:
            return None
        return f"/policies/{self.policy.id}/compare?from={self.base.version}&to={self.policy.version}"


@dataclass(frozen=True, slots=True)
class DraftText:
    """A file of a draft, by the words of its text."""

    digest: str
    title: Bilingual
    version: str
    """Empty where the file names none."""


@dataclass(frozen=True, slots=True)
class PolicyTimeline:
    """The effective periods of a policy's versions, with those of the change among them."""

    policy: str
    """Empty while it is not known: a draft's files are not read."""
    drawing: Timeline


@dataclass(frozen=True, slots=True)
class ChangeDetail:
    """The content of a change."""

    change: Change
    versions: tuple[Version, ...]
    """Submitted, or gone back to; none while files are a draft."""
    texts: tuple[DraftText, ...]
    """A draft's files."""
    report: ReportView | None
    effect: EffectView | None
    """None for a draft, and for what was submitted before effects were worked out."""
    comparisons: tuple[VersionComparison, ...]
    timelines: tuple[PolicyTimeline, ...]

    @property
    def warnings(self) -> tuple[Message, ...]:
        """What weakens protection in a submitted change, a sentence each."""
        if self.change.submission is None or self.change.kind == "first_versions":
            return ()
        return warnings_of([(each.base, each.policy) for each in self.comparisons], self.effect)

    @property
    def alters(self) -> bool:
        """True if other answers may follow."""
        return bool(self.change.draft.ends) or any(each.candidate.alters for each in self.comparisons)

    @property
    def first_cells(self) -> tuple[tuple[VersionComparison, ChangedCells], ...]:
        """The versions with the first cells that change in each; together as many as one screen has room for."""
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


def read_change_detail(  # noqa: PLR0913, PLR0917  # where to read, and for whom
    session: Session, catalogue: Catalogue, change: Change, recorded: Sequence[Activation], frame: Frame, zone: ZoneInfo
) -> ChangeDetail:
    """Read the content of a change, in the language of the page. Raises UnknownChange."""
    submission = change.submission
    versions = submission.versions if submission else change.draft.versions
    report = frozen_report(session, change) if submission else None
    compared = tuple(
        _comparison(session, catalogue, version, candidate, submission.bases, frame.lang)
        for version, candidate in _with_candidates(versions, report)
        if submission is not None
    )
    return ChangeDetail(
        change=change,
        versions=versions,
        texts=() if submission else tuple(_draft_text(session, digest) for digest in change.draft.texts),
        report=report,
        effect=read_effect_view(session, catalogue, change, frame.lang, names=may_read_subjects(frame)),
        comparisons=compared,
        timelines=tuple(_timelines(change, versions, recorded, frame.now, zone)),
    )


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


_TABLES: LruCache[tuple[str | None, str, Language], MergedTables] = LruCache(CACHE_SIZE)
_PROSE: LruCache[tuple[str, Language], Explanation] = LruCache(CACHE_SIZE)


def _merged_tables(old: Policy | None, new: Policy, lang: Language) -> MergedTables:
    key, size = (old.digest if old else None, new.digest, lang), len(new.text) + (len(old.text) if old else 0)
    return _TABLES.get_or_make(key, lambda: merged_tables(difference(old, new), lang).folded(), size)


def _prose(policy: Policy, lang: Language) -> Explanation:
    return _PROSE.get_or_make((policy.digest, lang), lambda: explanation(policy, lang), len(policy.text))


# ------------------------------------------------------------------------------------------------ when it applies


def _timelines(
    change: Change, versions: Sequence[Version], recorded: Sequence[Activation], now: datetime, zone: ZoneInfo
) -> Iterable[PolicyTimeline]:
    """A timeline for each policy of a change; of a draft with files one for what it asks for."""
    requested = change.draft.effective
    for name in change.draft.ends:
        bars = [_bar(period, active, change) for period, active in _nearby(model.timeline(recorded, name, now), now)]
        bars.append(Bar("—", requested.start, requested.until, label=ENDED_BY_CHANGE))
        yield PolicyTimeline(name, timeline(bars, now, zone=zone))
    if not versions and not change.draft.ends:
        bar = Bar("1", requested.start, requested.until, label=Message("requested by this change"))
        yield PolicyTimeline("", timeline([bar], now, zone=zone))
    for version in versions:
        pieces = model.timeline(recorded, version.policy, now)
        bars = [_bar(period, active, change) for period, active in _nearby(pieces, now)]
        if change.state is not ChangeState.SCHEDULED:
            label = REQUESTED if change.state in OPEN_STATES else ONCE_REQUESTED
            bars.append(Bar(version.version, requested.start, requested.until, label=label))
        yield PolicyTimeline(version.policy, timeline(bars, now, zone=zone))


OPEN_STATES = frozenset({ChangeState.DRAFT, ChangeState.UNDER_ANALYSIS, ChangeState.SUBMITTED, ChangeState.SIGNED_OFF})
REQUESTED = Message("requested by this change")
ONCE_REQUESTED = Message("requested by this change, now closed")
THIS_CHANGE = Message("this change")
ENDED_BY_CHANGE = Message("ended by this change")


def _nearby(pieces: Sequence[tuple[Period, Activation]], now: datetime) -> Sequence[tuple[Period, Activation]]:
    past = [piece for piece in pieces if piece[0].until is not None and piece[0].until <= now]
    ahead = [piece for piece in pieces if piece[0].until is None or piece[0].until > now]
    return [*past[-PAST_PIECES:], *ahead[:UPCOMING_PIECES]]


def _bar(period: Period, active: Activation, change: Change) -> Bar:
    """A piece of time in which a version applies, with why."""
    address = f"/changes/{active.change}" if active.change else None
    if active.suspension:
        address = f"/suspensions/{active.suspension}"
    return Bar(
        active.version,
        period.start,
        period.until,
        "suspension" if active.is_emergency else "period",
        THIS_CHANGE if active.change == change.id else enum_label(active.kind),
        None if active.change == change.id else address,
    )
