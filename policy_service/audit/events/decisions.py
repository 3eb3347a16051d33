"""Events of decisions, and of the subjects they are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from policy_service.audit.events.event import Event
from policy_service.language.policy import Bilingual


@dataclass(frozen=True, slots=True)
class DecisionsSealed(Event):
    """Decision records `first` to `last` were sealed: `root` is the Merkle root of their digests."""

    name = "decisions_sealed"
    summary = Bilingual("封存决定记录 {first} 至 {last}", "decision records {first} to {last} were sealed")
    block: int
    first: int
    last: int
    root: str


@dataclass(frozen=True, slots=True)
class DecisionsArchived(Event):
    """The lines of decision records moved to a file with this digest; `remainder` is the digest of what remains."""

    name = "decisions_archived"
    summary = Bilingual(
        "{actor} 将决定记录 {first} 至 {last} 移入归档 {archive}，文件 {file_name}",
        "{actor} moved decision records {first} to {last} to archive {archive}, the file {file_name}",
    )
    archive: int
    first: int
    last: int
    file_name: str
    digest: str
    remainder: str
    before: str


@dataclass(frozen=True, slots=True)
class OverrideRecorded(Event):
    """An override of a policy was recorded for a subject, until `until` (R-GOV-4)."""

    name = "override_recorded"
    summary = Bilingual(
        "{printed_name} 以{role}身份对{kind} {subject} 的 {policy} 作例外处理，至 {until}：{reason}",
        "{printed_name} as {role} overrode {policy} for the {kind} {subject} until {until}: {reason}",
    )
    override: str
    subject: str
    kind: str
    policy: str
    outcome: Any
    role: str
    printed_name: str
    reason: str
    until: str
    version: str
    verdict: str
    signers: tuple[str, ...]
    lapses_at: str | None
    decided_by: Any


@dataclass(frozen=True, slots=True)
class OverrideSigned(Event):
    """Another person signed an override; `ratifies` for the last signature required."""

    name = "override_signed"
    summary = Bilingual(
        "{printed_name} 以{role}身份签署例外（{meaning}）：{reason}",
        "{printed_name} signed the override as {role} ({meaning}): {reason}",
    )
    override: str
    subject: str
    kind: str
    policy: str
    role: str
    printed_name: str
    meaning: str
    reason: str
    digest: str
    ratifies: bool


@dataclass(frozen=True, slots=True)
class OverrideEnded(Event):
    """An override was ended early."""

    name = "override_ended"
    summary = Bilingual("{actor} 提前终止例外：{reason}", "{actor} ended the override: {reason}")
    override: str
    subject: str
    kind: str
    policy: str
    reason: str


@dataclass(frozen=True, slots=True)
class SubjectErased(Event):
    """A subject's key was deleted, so its sensitive facts are unreadable."""

    name = "subject_erased"
    summary = Bilingual(
        "{actor} 删除{kind} {subject} 的密钥：{reason}", "{actor} deleted the key of the {kind} {subject}: {reason}"
    )
    subject: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class SubjectsMerged(Event):
    """A subject was merged into another; group lists only contain the latter."""

    name = "subjects_merged"
    summary = Bilingual(
        "{actor} 将{kind} {subject} 并入 {into}：{reason}", "{actor} merged the {kind} {subject} into {into}: {reason}"
    )
    subject: str
    kind: str
    into: str
    reason: str

    def about(self) -> tuple[str, ...]:
        """Return both subjects."""
        return f"subject:{self.subject}", f"subject:{self.into}"


@dataclass(frozen=True, slots=True)
class PopulationRegistered(Event):
    """A file of facts was registered under a name; `subjects` counts its valid rows, `refused` the others."""

    name = "population_registered"
    summary = Bilingual(
        "{actor} 登记客户群体 {title}：{subjects} 个{kind}，截至 {as_of}",
        "{actor} registered the population {title} as of {as_of}, {subjects} subjects of the kind {kind}",
    )
    population: str
    title: str
    kind: str
    as_of: str
    digest: str
    subjects: int
    refused: int


@dataclass(frozen=True, slots=True)
class PopulationDeleted(Event):
    """A population and its key were deleted; results made from it remain, and name its digest."""

    name = "population_deleted"
    summary = Bilingual("{actor} 删除客户群体 {title}", "{actor} deleted the population {title}")
    population: str
    title: str
    digest: str


@dataclass(frozen=True, slots=True)
class ErasuresApplied(Event):
    """The rows of erased subjects were removed from a population."""

    name = "erasures_applied"
    summary = Bilingual(
        "{actor} 从客户群体 {title} 中移除已删除密钥的对象，共 {rows} 行",
        "{actor} removed {rows} rows about erased subjects from the population {title}",
    )
    population: str
    title: str
    rows: int


@dataclass(frozen=True, slots=True)
class ReevaluationStarted(Event):
    """A re-evaluation of a policy's subjects started, from facts up to a maximum age in days."""

    name = "reevaluation_started"
    summary = Bilingual(
        "{actor} 启动重新决定：政策 {policy}，决定日期 {as_of}，输入项最多 {max_age} 天前",
        "{actor} started a re-evaluation of {policy} as of {as_of}, by facts at most {max_age} days old",
    )
    policy: str
    as_of: str
    max_age: int


@dataclass(frozen=True, slots=True)
class MasterKeyRotated(Event):
    """The keys of all subjects were rewrapped with a new master key, and the old one was deleted."""

    name = "master_key_rotated"
    summary = Bilingual(
        "{actor} 更换主密钥，重新加密 {subjects} 个对象密钥",
        "{actor} rotated the master key; {subjects} keys of subjects were wrapped anew",
    )
    master_key: str
    subjects: int
