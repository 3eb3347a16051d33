"""The contents of a pack, selected from all that is on record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, select

from policy_service.approval.change import Change
from policy_service.approval.store import read_changes
from policy_service.approval.suspension import Suspension
from policy_service.approval.suspension_queries import read_suspensions
from policy_service.approval.tables import SubmittedVersionRow
from policy_service.audit.chain import InvalidEntry, read_entry
from policy_service.audit.tables import AuditEntry
from policy_service.decisions.override import Override
from policy_service.decisions.override_store import read_overrides
from policy_service.decisions.record import read_row
from policy_service.language.load import version_key
from policy_service.language.policy import Bilingual
from policy_service.packs.entries import entries_about, entries_of_period, objects_of_kind
from policy_service.packs.sample import Sample, draw
from policy_service.packs.scope import (
    MAX_CHANGES,
    MAX_DRAWS,
    MAX_ENTRIES,
    MAX_LISTED,
    MAX_OVERRIDES,
    MAX_VERSIONS,
    Scope,
)
from policy_service.registry.model import Activation
from policy_service.registry.service import activations, versions
from policy_service.registry.tables import VersionRow
from policy_service.subject import CUSTOMER

PAGE = 500


@dataclass(slots=True)
class PackContents:
    """The contents of a pack, each kind in its own order."""

    scope: Scope
    sample: Sample
    versions: list[VersionRow] = field(default_factory=list)
    activations: list[Activation] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    suspensions: list[Suspension] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)
    entries: list[AuditEntry] = field(default_factory=list)
    omissions: list[Bilingual] = field(default_factory=list)
    """What the limits excluded, in plain words."""
    truncated_kinds: set[str] = field(default_factory=set)
    """The kinds of which the limits excluded some."""

    @property
    def policies(self) -> list[str]:
        """The policies that have a version in the pack."""
        return sorted({row.policy for row in self.versions})

    def add_omission(self, zh: str, en: str) -> None:
        """Record an omission."""
        self.omissions.append(Bilingual(zh, en))


def collect(session: Session, scope: Scope, now: datetime) -> PackContents:
    """Find everything that concerns the scope, as known now. Raises InvalidSubject."""
    contents = PackContents(scope, draw(session, scope))
    all_activations = activations(session)
    period_entries = (
        entries_of_period(session, scope.since, scope.until) if scope.since and scope.kind == "period" else []
    )
    contents.overrides = _overrides(session, scope, contents)
    contents.versions = _versions(session, scope, contents, all_activations, now)
    digests = {row.digest for row in contents.versions}
    contents.activations = [each for each in all_activations if each.digest in digests]
    contents.suspensions = [
        each
        for policy in contents.policies
        for each in read_suspensions(session, policy)
        if scope.kind != "period" or _overlaps(scope, each.signature.at, each.until)
    ]
    contents.changes = _changes(session, scope, contents, period_entries)
    contents.entries = _entries(session, scope, contents, period_entries)
    _note_sample_limits(contents)
    return contents


def _overlaps(scope: Scope, start: datetime, until: datetime | None) -> bool:
    """Return True if the time from `start` until `until` overlaps the period."""
    return (scope.until is None or start < scope.until) and (
        scope.since is None or until is None or until > scope.since
    )


def _overrides(session: Session, scope: Scope, contents: PackContents) -> list[Override]:
    overrides: list[Override] = []
    after = 0
    id_, kind = scope.subject or (None, None)
    while page := read_overrides(session, subject=id_, kind=kind, policy=scope.policy, after=after, limit=PAGE):
        after = page[-1][0]
        for _, each in page:
            if _overlaps(scope, each.recorded_at, each.ended_at or each.until):
                overrides.append(each)
        if len(overrides) > MAX_OVERRIDES:
            contents.truncated_kinds.add("overrides")
            contents.add_omission(
                f"仅收录最早的 {MAX_OVERRIDES} 项例外。", f"Only the oldest {MAX_OVERRIDES} overrides are in it."
            )
            return overrides[:MAX_OVERRIDES]
        if len(page) < PAGE:
            break
    return overrides


def _versions(
    session: Session, scope: Scope, contents: PackContents, all_activations: Iterable[Activation], now: datetime
) -> list[VersionRow]:
    digests = {used.digest for row in contents.sample.rows for used in read_row(row.seq, row.line).policies.values()}
    for each in all_activations:
        is_about_policy = each.policy == scope.policy
        in_period = scope.kind == "period" and each.is_known_at(now)
        if is_about_policy or (in_period and _overlaps(scope, each.effective.start, each.effective.until)):
            digests.add(each.digest)
    overridden = {(each.policy, each.version) for each in contents.overrides}
    rows = [
        row
        for row in versions(session)
        if row.digest in digests or row.policy == scope.policy or (row.policy, row.version) in overridden
    ]
    rows.sort(key=lambda row: (row.policy != scope.policy, row.policy, version_key(row.version)))
    if len(rows) > MAX_VERSIONS:
        contents.add_omission(
            f"共有 {len(rows)} 个政策版本，仅收录其中 {MAX_VERSIONS} 个。",
            f"Of {len(rows)} versions {MAX_VERSIONS} are in it.",
        )
    return rows[:MAX_VERSIONS]


def _changes(
    session: Session, scope: Scope, contents: PackContents, period_entries: Iterable[AuditEntry]
) -> list[Change]:
    names = {row.change for row in contents.versions} | {each.change for each in contents.activations}
    if scope.policy is not None:
        submitted = session.exec(
            select(SubmittedVersionRow.change).where(SubmittedVersionRow.policy == scope.policy)
        ).all()
        names.update(submitted)
    names.update(objects_of_kind(session, "change", [row.seq for row in period_entries]))
    change_ids = sorted(name for name in names if name is not None)
    if len(change_ids) > MAX_CHANGES:
        contents.truncated_kinds.add("changes")
        contents.add_omission(
            f"共涉及 {len(change_ids)} 项变更，仅收录最新的 {MAX_CHANGES} 项。",
            f"It concerns {len(change_ids)} changes; the newest {MAX_CHANGES} are in it.",
        )
    return read_changes(session, change_ids[-MAX_CHANGES:])


def _entries(
    session: Session, scope: Scope, contents: PackContents, period_entries: list[AuditEntry]
) -> list[AuditEntry]:
    """Return the entries behind everything shown in the pack, and all others about it."""
    changes = [f"change:{each.id}" for each in contents.changes]
    objects = [*changes, *(f"suspension:{each.id}" for each in contents.suspensions)]
    objects += [f"override:{each.id}" for each in contents.overrides]
    objects += [f"activation:{each.id}" for each in contents.activations]
    supporting = [row for row in entries_about(session, objects) if row.event != "change_commented"]
    supporting += entries_about(
        session, [f"policy:{each}" for each in contents.policies], ("version_imported", "version_submitted")
    )
    digests = {row.digest for row in contents.versions}
    needed = {row.seq: row for row in supporting if _concerns(row, digests)}
    things = [*objects, *([f"policy:{scope.policy}"] if scope.policy else [])]
    rows = (
        period_entries
        if scope.kind == "period"
        else entries_about(session, things, limit=MAX_ENTRIES + len(needed) + 1)
    )
    if scope.subject is not None:
        about_subject = entries_about(session, [f"subject:{scope.subject.id}"])
        rows += [row for row in about_subject if _is_of_kind(row, scope.subject.kind)]
    others = {row.seq: row for row in rows if row.seq not in needed}
    if len(others) > MAX_ENTRIES:
        contents.add_omission(
            f"日志条目过多：除政策版本与签署所依据的条目外，仅收录最早的 {MAX_ENTRIES} 条。",
            f"There are more entries of the log: beside those that versions and signatures rest on, the oldest "
            f"{MAX_ENTRIES} are in it.",
        )
    included = {seq: others[seq] for seq in sorted(others)[:MAX_ENTRIES]}
    entries = needed | included
    accounts = {f"account:{row.actor}" for row in entries.values()}
    entries |= {row.seq: row for row in entries_about(session, sorted(accounts), ("account_created",))}
    return [row for _, row in sorted(entries.items())]


def _concerns(row: AuditEntry, digests: set[str]) -> bool:
    """Return True if an entry is about a change, or about one of the versions."""
    return not row.event.startswith("version_") or any(digest.encode() in row.line for digest in digests)


def _is_of_kind(row: AuditEntry, kind: str) -> bool:
    """Return True if an entry may be about a subject of a kind; an altered one may be, and fails its proof."""
    try:
        return bool(read_entry(row.line).body.get("kind", CUSTOMER) == kind)
    except InvalidEntry:
        return True


def _note_sample_limits(contents: PackContents) -> None:
    sample = contents.sample
    if sample.is_truncated:
        contents.add_omission(
            f"该对象或政策的决定过多，仅从最早的 {MAX_LISTED} 项中抽样。",
            f"The subject or the policy has more decisions: the sample is drawn from the oldest {MAX_LISTED}.",
        )
    if sample.population > len(sample.rows):
        contents.add_omission(
            f"决定为抽样：总体 {sample.population} 项，抽取 {sample.drawn} 项，收录 {len(sample.rows)} 项。",
            f"Decisions are a sample: of {sample.population} records {sample.drawn} were drawn, and "
            f"{len(sample.rows)} are in it.",
        )
    if sample.drawn == MAX_DRAWS and len(sample.rows) < contents.scope.sample:
        contents.add_omission(
            f"抽取 {MAX_DRAWS} 项后即停止，未抽满所求数量。",
            f"Drawing ended after {MAX_DRAWS} records, before the sample was full.",
        )
