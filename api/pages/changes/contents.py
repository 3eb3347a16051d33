"""What a change holds, ready to be read: its versions beside what they were compared with, and when they apply.

What was submitted is told by the report that was frozen with it, so that a reader sees what was signed. The files of a
draft are not read here: that may take long, and happens when its report is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session

from api.catalogue import Catalogue
from api.pages.changes.reporting import Candidate, ReportView, frozen_report
from api.pages.drawing import Bar, Timeline, timeline
from api.pages.frame import Frame
from api.pages.merged_table import MergedTables, merged_tables
from api.pages.vocabulary import name_of
from policy_service.analysis.difference import difference
from policy_service.approval.service import Change, State, Version
from policy_service.compilers.prose import Explanation, explanation
from policy_service.language.policy import Language, Policy
from policy_service.lru_cache import LruCache
from policy_service.registry import model
from policy_service.registry.model import Activation, Period
from policy_service.sentences import Sentence

KEPT = 4 * 2**20
"""Characters of policy files whose tables stay merged, and whose words stay told, in each language once."""
PAST = 4
"""Pieces of time before now that a timeline shows."""
AHEAD = 8
"""Pieces of time from now on that it shows."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One version of a change beside the one that would be in force without it."""

    policy: Policy
    base: Policy | None
    candidate: Candidate
    """What the frozen report says about it."""
    told: Explanation
    tables: MergedTables

    @property
    def compare(self) -> str | None:
        """Where the two versions stand side by side in full."""
        if self.base is None:
            return None
        return f"/policies/{self.policy.id}/compare?from={self.base.version}&to={self.policy.version}"


@dataclass(frozen=True, slots=True)
class Applies:
    """When a policy's versions apply, with what the change asks for among them."""

    policy: str
    """Empty while it is not known: a draft's files are not read."""
    drawing: Timeline


@dataclass(frozen=True, slots=True)
class Contents:
    """What a change holds."""

    change: Change
    versions: tuple[Version, ...]
    """Submitted, or gone back to; none while files are a draft."""
    texts: tuple[str, ...]
    """The digests of a draft's files."""
    report: ReportView | None
    compared: tuple[Compared, ...]
    periods: tuple[Applies, ...]

    @property
    def alters(self) -> bool:
        """Whether other answers may follow."""
        return bool(self.change.draft.ends) or any(each.candidate.alters for each in self.compared)

    @property
    def examples(self) -> int:
        """How many examples came out as written, by every evaluator."""
        return sum(each.candidate.examples for each in self.compared)

    @property
    def others(self) -> int:
        """How many examples of the versions in force get another answer."""
        return sum(len(each.candidate.others) for each in self.compared)


def read_contents(  # noqa: PLR0913, PLR0917  # where to read, and for whom
    session: Session, catalogue: Catalogue, change: Change, known: Sequence[Activation], frame: Frame, zone: ZoneInfo
) -> Contents:
    """What a change holds, in the language of the page. Raises UnknownChange."""
    submission = change.submission
    versions = submission.versions if submission else change.draft.versions
    report = frozen_report(session, change) if submission else None
    compared = tuple(
        _compared(session, catalogue, version, candidate, submission.bases, frame.lang)
        for version, candidate in _paired(versions, report)
        if submission is not None
    )
    return Contents(
        change=change,
        versions=versions,
        texts=() if submission else change.draft.texts,
        report=report,
        compared=compared,
        periods=tuple(_periods(change, versions, known, frame.now, zone)),
    )


def _paired(versions: Sequence[Version], report: ReportView | None) -> Iterable[tuple[Version, Candidate]]:
    candidates = {(each.policy, each.version): each for each in (report.candidates if report else ())}
    return ((each, candidates[each.policy, each.version]) for each in versions if candidates)


def _compared(  # noqa: PLR0913, PLR0917  # one version, and all that it is told by
    session: Session,
    catalogue: Catalogue,
    version: Version,
    candidate: Candidate,
    bases: Sequence[Version],
    lang: Language,
) -> Compared:
    policy = catalogue.load(session, version.digest)
    digest = next((each.digest for each in bases if each.policy == version.policy), None)
    base = catalogue.load(session, digest) if digest else None
    return Compared(policy, base, candidate, _told(policy, lang), _merged(base, policy, lang))


_TABLES: LruCache[tuple[str | None, str, Language], MergedTables] = LruCache(KEPT)
_WORDS: LruCache[tuple[str, Language], Explanation] = LruCache(KEPT)


def _merged(old: Policy | None, new: Policy, lang: Language) -> MergedTables:
    key, size = (old.digest if old else None, new.digest, lang), len(new.text) + (len(old.text) if old else 0)
    return _TABLES.get_or_make(key, lambda: merged_tables(difference(old, new), lang), size)


def _told(policy: Policy, lang: Language) -> Explanation:
    return _WORDS.get_or_make((policy.digest, lang), lambda: explanation(policy, lang), len(policy.text))


# ------------------------------------------------------------------------------------------------ when it applies


def _periods(
    change: Change, versions: Sequence[Version], known: Sequence[Activation], now: datetime, zone: ZoneInfo
) -> Iterable[Applies]:
    """A timeline for each policy of a change; of a draft with files one for what it asks for."""
    asked = change.draft.effective
    for name in change.draft.ends:
        bars = [_bar(period, active, change) for period, active in _near(model.timeline(known, name, now), now)]
        bars.append(Bar("—", asked.start, asked.until, words=ENDED))
        yield Applies(name, timeline(bars, now, zone=zone))
    if not versions and not change.draft.ends:
        bar = Bar("1", asked.start, asked.until, words=Sentence("this change asks for it"))
        yield Applies("", timeline([bar], now, zone=zone))
    for version in versions:
        pieces = model.timeline(known, version.policy, now)
        bars = [_bar(period, active, change) for period, active in _near(pieces, now)]
        if change.state is not State.SCHEDULED:
            words = ASKED if change.state in OPEN else ASKED_ONCE
            bars.append(Bar(version.version, asked.start, asked.until, words=words))
        yield Applies(version.policy, timeline(bars, now, zone=zone))


OPEN = frozenset({State.DRAFT, State.SUBMITTED, State.SIGNED_OFF})
ASKED = Sentence("this change asks for it")
ASKED_ONCE = Sentence("this change asked for it, and was closed")
THIS = Sentence("this change")
ENDED = Sentence("ended by this change")


def _near(pieces: Sequence[tuple[Period, Activation]], now: datetime) -> Sequence[tuple[Period, Activation]]:
    past = [piece for piece in pieces if piece[0].until is not None and piece[0].until <= now]
    ahead = [piece for piece in pieces if piece[0].until is None or piece[0].until > now]
    return [*past[-PAST:], *ahead[:AHEAD]]


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
        THIS if active.change == change.id else name_of(active.kind),
        None if active.change == change.id else address,
    )
