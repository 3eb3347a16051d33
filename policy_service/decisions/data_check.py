"""Data checks (R-GOV-9, R-DATA-1): finds missing, old and duplicate facts among the latest of each subject.

    check = DataCheck("customer", as_of=day, max_age=31, keys=parse_keys("company_name, city; phone"))
    counts = check_data(database, cipher, clock.now(), check, on_finding=findings.append)

| check      | what is found                                                                                       |
|------------|-----------------------------------------------------------------------------------------------------|
| incomplete | facts that are not optional are absent, of policies in force that were evaluated about the subject  |
| old        | some of its facts are older than `max_age` days                                                     |
| duplicate  | another subject has the same facts of a key, or an identifier with the same letters and digits      |

Values are compared by their letters and digits alone, and are never shown. Merged subjects are skipped.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlmodel import Session

from policy_service.characters import skeleton
from policy_service.database import Database
from policy_service.decisions.in_force import OWN_DOMAIN
from policy_service.decisions.recorded_facts import FactsReader, LatestFacts, count_subjects, next_subjects
from policy_service.decisions.subjects import FactCipher
from policy_service.errors import PolicyServiceError
from policy_service.language.policy import Policy
from policy_service.messages import Message, join_comma
from policy_service.registry import policy_cache
from policy_service.registry.service import activations_in_force

PART_SIZE = 200
"""Subjects read per query."""
MAX_KEYS = 10
"""Maximum number of keys for finding duplicates."""
IDENTIFIER = "identifier"
"""The key of a duplicate found by its identifier."""
Key = tuple[str, ...]
"""Facts that identify a subject, such as name and telephone number."""


class Check(StrEnum):
    """The kind of a finding; see the table above."""

    INCOMPLETE = "incomplete"
    OLD = "old"
    DUPLICATE = "duplicate"


class DataCheckRejected(PolicyServiceError):
    """The keys or the kind of a data check are invalid; the message says why."""

    kind = "request-refused"


@dataclass(frozen=True, slots=True)
class DataCheck:
    """The parameters of a data check: kind of subject, day, maximum age in days, keys."""

    kind: str
    as_of: date
    max_age: int
    keys: tuple[Key, ...] = ()


class RecordFinding(NamedTuple):
    """One finding about a subject."""

    subject: str
    kind: str
    check: Check
    facts: tuple[str, ...]
    """The facts that are absent, old or equal."""
    told_on: date | None = None
    """The day of the oldest of these facts."""
    other: str = ""
    """The other subject of a duplicate."""

    def cells(self) -> tuple[str, ...]:
        """Return the finding as a row of a file with `HEADINGS`."""
        told_on = self.told_on.isoformat() if self.told_on else ""
        return self.subject, self.kind, self.check, " ".join(self.facts), told_on, self.other


HEADINGS = ("subject", "kind", "check", "facts", "told_on", "other")
"""The headings of the file of findings."""


def parse_keys(text: str) -> tuple[Key, ...]:
    """Read keys: facts separated by commas, keys by semicolons. Raises DataCheckRejected."""
    keys = tuple(
        tuple(dict.fromkeys(name.strip() for name in part.split(",") if name.strip()))
        for part in text.split(";")
        if part.strip()
    )
    if len(keys) > MAX_KEYS or not all(keys):
        raise DataCheckRejected(Message("Write at most {count} keys, such as: name, city; phone", count=MAX_KEYS))
    return keys


def check_data(  # noqa: PLR0913  # with what, what, and who is told
    database: Database,
    cipher: FactCipher,
    now: datetime,
    check: DataCheck,
    *,
    on_finding: Callable[[RecordFinding], object],
    on_progress: Callable[[int, int], object] = lambda *_: None,
) -> dict[str, int]:
    """Check all subjects of a kind; return their number (`subjects`) and the number of findings of each check.

    Raises DataCheckRejected if a key names a fact that no policy in force reads, or nothing is known about the kind,
    DamagedRecord, DatabaseUnavailable.
    """
    with database.read() as session:
        policies, total = _policies(session, check.kind, now), count_subjects(session, check.kind)
    if not policies and not total:
        raise DataCheckRejected(Message("No policy in force is about this kind, and no subject of it is on record."))
    examiner = _Examination(check, policies)
    counts, after, done = Counter({"subjects": 0} | {each.value: 0 for each in Check}), "", 0
    while True:
        with database.read() as session:
            subjects = next_subjects(session, check.kind, after, PART_SIZE)
            reader = FactsReader(session, cipher, check.kind, check.as_of)
            for latest in reader.read(subjects, examiner.facts):
                counts["subjects"] += 1
                for finding in examiner.examine(latest):
                    counts[finding.check.value] += 1
                    on_finding(finding)
        if not subjects:
            return dict(counts)
        after, done = subjects[-1], done + len(subjects)
        on_progress(done, max(done, total))


class _Examination:
    """Checks one subject after another; remembers earlier ones to find duplicates."""

    def __init__(self, check: DataCheck, policies: Mapping[str, Policy]) -> None:
        self._check, self._policies = check, policies
        self.facts = frozenset(name for policy in policies.values() for name in policy.facts)
        if unknown := sorted({name for key in check.keys for name in key} - self.facts):
            raise DataCheckRejected(
                Message("No policy in force about this kind reads these facts: {names}.", names=join_comma(unknown))
            )
        self._subjects: dict[bytes, str] = {}

    def examine(self, latest: LatestFacts) -> Iterator[RecordFinding]:
        """Yield the findings about a subject."""
        if latest.newest is None:
            return
        subject, check = latest.subject, self._check
        policies = [self._policies[id_] for id_ in sorted(latest.evaluated & self._policies.keys())]
        absent = {name for policy in policies for name in self._needed(policy)} - latest.facts.keys()
        if absent:
            yield RecordFinding(*subject, Check.INCOMPLETE, tuple(sorted(absent)))
        read = {name for policy in policies for name in policy.facts} & latest.facts.keys()
        old = sorted(name for name in read if (check.as_of - latest.told_on[name]).days > check.max_age)
        if old:
            yield RecordFinding(*subject, Check.OLD, tuple(old), min(latest.told_on[name] for name in old))
        others = dict[str, Key]()
        for key, mark in self._marks(latest):
            other = self._subjects.setdefault(mark, subject.id)
            if other != subject.id:
                others.setdefault(other, key)
        for other, key in others.items():
            yield RecordFinding(*subject, Check.DUPLICATE, key, None, other)

    def _needed(self, policy: Policy) -> Collection[str]:
        """Return the facts that a policy needs from the caller."""
        return [
            name
            for name, fact in policy.facts.items()
            if not fact.optional
            and fact.measure is None
            and (fact.requirement is None or fact.requirement.policy not in self._policies)
        ]

    def _marks(self, latest: LatestFacts) -> Iterator[tuple[Key, bytes]]:
        """Yield a short hash for each key, equal for equal values; hashes save memory, since subjects are many."""
        yield (IDENTIFIER,), _mark((IDENTIFIER,), [latest.subject.id])
        for key in self._check.keys:
            if all(name in latest.facts for name in key):
                yield key, _mark(key, [latest.facts[name] for name in key])


def _mark(key: Key, values: Sequence[Any]) -> bytes:
    return hashlib.blake2b(repr((key, [_plain(each) for each in values])).encode(), digest_size=16).digest()


def _plain(value: object) -> str:
    """Return the visible letters and digits of a text, or all of it if it has none; other values exactly."""
    if not isinstance(value, str):
        return repr(value)
    text = skeleton(value).casefold()
    return "".join(filter(str.isalnum, text)) or text


def _policies(session: Session, kind: str, now: datetime) -> dict[str, Policy]:
    """Return the heads of the versions in force about a kind of subject."""
    active = activations_in_force(session, now)
    heads = {id_: policy_cache.load_head(session, each.digest) for id_, each in active.items() if not each.is_stop}
    return {id_: head for id_, head in heads.items() if head.subject == kind and head.domain != OWN_DOMAIN}
