"""Search over everything with a page: subjects, decisions, policies, rules, changes, log entries.

    search(session, catalogue, "C2024", READABLE, now)

| kind     | found by                                                                                         |
|----------|--------------------------------------------------------------------------------------------------|
| subject  | the beginning of its identifier, in full-width letters or small ones too                         |
| decision | its identifier, or the first eight characters of it                                              |
| policy   | words of its identifier and its titles, or the digest of one of its versions                     |
| rule     | words of its identifier and its titles, of the version in force; blanks in Chinese do not count   |
| change   | words of its title, of two characters at least, or its identifier, or the first eight of it       |
| entry    | its number, or its digest, or the first eight characters of it                                   |

All lookups use indexes, so the cost does not grow with the number of decisions or log entries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple
from unicodedata import normalize

from sqlmodel import Session, col, select

from policy_service.approval.change_filter import ChangeFilter
from policy_service.approval.queries import list_changes
from policy_service.approval.store import read_changes
from policy_service.approval.tables import ChangeRow
from policy_service.approval.validation import search_form
from policy_service.audit.tables import AuditEntry
from policy_service.decisions.groups.tables import OutcomePeriod
from policy_service.decisions.tables import DecisionRow
from policy_service.language.policy import Bilingual, Policy
from policy_service.lru_cache import LruCache
from policy_service.registry.policy_cache import cached_policy
from policy_service.registry.service import load_version
from policy_service.registry.snapshot import RegistrySnapshot

MAX_TEXT = 200
"""Maximum length of the search text, characters."""
MAX_HITS = 10
"""Maximum number of hits of one kind."""
MIN_PREFIX = 8
"""Minimum length of a prefix of an identifier or digest, characters."""
MAX_STEPS = 40
"""Maximum number of subjects read to find those with a prefix: a database may sort others between them."""
MAX_WORDS = 8
DIGEST = "sha256:"
MAX_SEQ = 2**53
_UUID_PREFIX = re.compile(f"[0-9a-f-]{{{MIN_PREFIX},36}}")
_HEXADECIMAL = re.compile(f"[0-9a-f]{{{MIN_PREFIX},64}}")


class SearchKind(StrEnum):
    """A kind of search result."""

    SUBJECT = "subject"
    DECISION = "decision"
    POLICY = "policy"
    RULE = "rule"
    CHANGE = "change"
    ENTRY = "entry"


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result."""

    kind: SearchKind
    id: str
    title: Bilingual | None = None
    of: str = ""
    """The kind of a subject, the policy of a rule, the subject of a decision, the event of an entry."""
    at: datetime | None = None
    """The time of a decision or entry."""


class _Texts(NamedTuple):
    """The searchable items of a version, each with its text."""

    policy: tuple[Hit, str]
    rules: tuple[tuple[Hit, str], ...]


_TEXTS: LruCache[str, _Texts] = LruCache(4 * 2**20)
"""By the digest of the version, weighted by characters."""


def search(
    session: Session, snapshot: RegistrySnapshot, text: str, kinds: Collection[SearchKind], now: datetime
) -> Mapping[SearchKind, tuple[Hit, ...]]:
    """Return the matches of some kinds, at most MAX_HITS of each; kinds without a match are left out."""
    wanted = normalize("NFKC", text[:MAX_TEXT]).strip()
    if not wanted or not wanted.isprintable():
        return {}
    finders: Mapping[SearchKind, Callable[[], Iterator[Hit]]] = {
        SearchKind.SUBJECT: lambda: _subjects(session, {wanted, wanted.upper(), text.strip()}),
        SearchKind.DECISION: lambda: _decisions(session, wanted.lower()),
        SearchKind.POLICY: lambda: _policies(session, snapshot, wanted, now),
        SearchKind.RULE: lambda: _rules(session, snapshot, wanted, now),
        SearchKind.CHANGE: lambda: _changes(session, wanted),
        SearchKind.ENTRY: lambda: _entries(session, wanted.lower()),
    }
    found = {kind: tuple(islice(dict.fromkeys(find()), MAX_HITS)) for kind, find in finders.items() if kind in kinds}
    return {kind: hits for kind, hits in found.items() if hits}


def _subjects(session: Session, prefixes: Iterable[str]) -> Iterator[Hit]:
    column = col(DecisionRow.subject)
    for prefix in sorted(filter(None, prefixes)):
        last = None
        for _ in range(MAX_STEPS):  # skips from one subject to the next, past all records of each
            is_next = column >= prefix if last is None else column > last
            last = session.exec(select(DecisionRow.subject).where(is_next).order_by(column).limit(1)).first()
            if last is None:
                break
            if last.startswith(prefix):
                yield from (Hit(SearchKind.SUBJECT, last, of=kind) for kind in _kinds_of(session, last))


def _kinds_of(session: Session, subject: str) -> list[str]:
    """Return the kinds of the subjects with an identifier; for an erased one, the kind in its newest record."""
    listed = select(OutcomePeriod.kind).where(OutcomePeriod.subject == subject).distinct()
    recorded = select(DecisionRow.kind).where(DecisionRow.subject == subject).order_by(col(DecisionRow.seq).desc())
    return sorted(session.exec(listed)) or list(session.exec(recorded.limit(1)))


def _decisions(session: Session, text: str) -> Iterator[Hit]:
    if not _UUID_PREFIX.fullmatch(text):
        return
    row = DecisionRow
    query = select(row.id, row.subject, row.decided_at).where(*_begins(col(row.id), text)).order_by(row.id)
    for id_, subject, at in session.exec(query.limit(MAX_HITS)):
        yield Hit(SearchKind.DECISION, id_, of=subject, at=at)


def _policies(session: Session, snapshot: RegistrySnapshot, text: str, now: datetime) -> Iterator[Hit]:
    words, prefix = _words(text), _digest_prefix(text.lower())
    for name in snapshot.versions:
        hit, words_of_policy = _texts(session, snapshot, name, now).policy
        digests = (each.digest for each in snapshot.versions[name])
        if _contains(words_of_policy, words) or (prefix and any(each.startswith(prefix) for each in digests)):
            yield hit


def _rules(session: Session, snapshot: RegistrySnapshot, text: str, now: datetime) -> Iterator[Hit]:
    words = _words(text)
    for name in snapshot.versions:
        for hit, words_of_rule in _texts(session, snapshot, name, now).rules:
            if _contains(words_of_rule, words):
                yield hit


def _changes(session: Session, text: str) -> Iterator[Hit]:
    changes = list_changes(session, ChangeFilter(text=text), limit=MAX_HITS).items if len(text) > 1 else ()
    if _UUID_PREFIX.fullmatch(prefix := text.lower()):
        query = select(ChangeRow.id).where(*_begins(col(ChangeRow.id), prefix)).order_by(ChangeRow.id).limit(MAX_HITS)
        changes = (*read_changes(session, list(session.exec(query))), *changes)
    for each in changes:
        yield Hit(SearchKind.CHANGE, each.id, Bilingual(each.draft.title, each.draft.title), each.state)


def _entries(session: Session, text: str) -> Iterator[Hit]:
    row = AuditEntry
    query = select(row.seq, row.event, row.at).order_by(col(row.seq)).limit(MAX_HITS)
    if text.isdecimal() and text.isascii() and int(text) < MAX_SEQ:
        found = list(session.exec(query.where(row.seq == int(text))))
    elif prefix := _digest_prefix(text):
        found = list(session.exec(query.where(*_begins(col(row.digest), prefix))))
    else:
        return
    for seq, event, at in found:
        yield Hit(SearchKind.ENTRY, str(seq), of=event, at=at)


def _digest_prefix(text: str) -> str:
    """Return the prefix of a digest, with its algorithm; empty if the text is none."""
    digits = text.removeprefix(DIGEST)
    return f"{DIGEST}{digits}" if _HEXADECIMAL.fullmatch(digits) else ""


def _begins(column: Any, prefix: str) -> tuple[Any, Any]:  # noqa: ANN401  # SQLModel's
    """Return the range condition that a column begins with hexadecimal digits, which an index supports."""
    return column >= prefix, column < f"{prefix}g"


def _texts(session: Session, snapshot: RegistrySnapshot, name: str, now: datetime) -> _Texts:
    """Return the searchable items of a policy, in the version in force, else the newest."""
    active = snapshot.active(name, now)
    digest = active[1].digest if active else snapshot.versions[name][0].digest
    texts = _TEXTS.get(digest)
    if texts is None:
        texts = _read_texts(cached_policy(digest) or load_version(session, digest))
        _TEXTS.put(digest, texts, sum(len(words) for _, words in (texts.policy, *texts.rules)))
    return texts


def _read_texts(policy: Policy) -> _Texts:
    return _Texts(
        (Hit(SearchKind.POLICY, policy.id, policy.title), searched_text(policy.id, policy.title)),
        tuple(
            (Hit(SearchKind.RULE, each.id, each.title, policy.id), searched_text(each.id, each.title))
            for each in policy.all_rules
        ),
    )


def searched_text(id_: str, title: Bilingual | None) -> str:
    """Return the searchable text of an item; "A级" is also found in "A 级"."""
    titles = (title.zh, title.zh.replace(" ", ""), title.en) if title else ()
    return search_form(" ".join((id_, *titles)))


def _words(text: str) -> list[str]:
    return search_form(text).split()[:MAX_WORDS]


def _contains(text: str, words: Collection[str]) -> bool:
    return all(word in text for word in words)
