"""Events of changes and suspensions."""

from __future__ import annotations

from dataclasses import dataclass

from policy_service.audit.events.event import Event
from policy_service.language.policy import Bilingual


@dataclass(frozen=True, slots=True)
class ChangeDrafted(Event):
    """A change was begun."""

    name = "change_drafted"
    summary = Bilingual("{actor} 起草变更“{title}”", "{actor} drafted the change “{title}”")
    change: str
    title: str


@dataclass(frozen=True, slots=True)
class ChangeEdited(Event):
    """A draft was rewritten."""

    name = "change_edited"
    summary = Bilingual("{actor} 修改草稿，为第 {revision} 稿", "{actor} edited the draft, now revision {revision}")
    change: str
    revision: int
    digest: str


@dataclass(frozen=True, slots=True)
class EvidenceAttached(Event):
    """A file stands behind a change, such as a scan or minutes; `size` in bytes."""

    name = "evidence_attached"
    summary = Bilingual(
        "{actor} 为变更附上依据“{file_name}”，摘要 {digest}", "{actor} attached the evidence “{file_name}”, {digest}"
    )
    change: str
    file_name: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class ChangeCommented(Event):
    """A person said something about a change."""

    name = "change_commented"
    summary = Bilingual("{actor} 评论变更：{text}", "{actor} commented: {text}")
    change: str
    text: str


@dataclass(frozen=True, slots=True)
class ChangeAnalysed(Event):
    """The analysis of a change began; until it ends nobody edits the change."""

    name = "change_analysed"
    summary = Bilingual("{actor} 将变更送交分析", "{actor} had the change analysed")
    change: str


@dataclass(frozen=True, slots=True)
class ChangeAnalysisEnded(Event):
    """The analysis of a change ended without a submission: it is a draft again."""

    name = "change_analysis_ended"
    summary = Bilingual(
        "变更的分析未完成，退回草稿：{reason}", "The analysis ended, and the change is a draft: {reason}"
    )
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeSubmitted(Event):
    """A change was submitted: what `digest` covers is what is signed."""

    name = "change_submitted"
    summary = Bilingual("{actor} 提交变更，摘要 {digest}", "{actor} submitted the change under {digest}")
    change: str
    digest: str
    roles: tuple[str, ...]
    effect: str | None = None
    """The digest of the versions, records and code that its effect was worked out from."""


@dataclass(frozen=True, slots=True)
class ChangeSignedOff(Event):
    """One person's signature, in one role, on one digest."""

    name = "change_signed_off"
    summary = Bilingual(
        "{printed_name} 以{role}身份签署变更（{meaning}）：{reason}",
        "{printed_name} signed as {role} ({meaning}): {reason}",
    )
    change: str
    digest: str
    role: str
    printed_name: str
    meaning: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChangesRequested(Event):
    """A change was sent back to its author."""

    name = "changes_requested"
    summary = Bilingual("{actor} 要求修改：{reason}", "{actor} requested changes: {reason}")
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeRejected(Event):
    """A change was refused for good."""

    name = "change_rejected"
    summary = Bilingual("{actor} 驳回变更：{reason}", "{actor} rejected the change: {reason}")
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeWithdrawn(Event):
    """A change was taken back by its author."""

    name = "change_withdrawn"
    summary = Bilingual("{actor} 撤回变更：{reason}", "{actor} withdrew the change: {reason}")
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeScheduled(Event):
    """A change that has all its signatures was given its day."""

    name = "change_scheduled"
    summary = Bilingual(
        "{actor} 安排变更自 {effective_from} 起生效",
        "{actor} scheduled the change to be in force from {effective_from}",
    )
    change: str
    digest: str
    effective_from: str
    effective_until: str | None


@dataclass(frozen=True, slots=True)
class ChangeCancelled(Event):
    """A scheduled change was taken back before its day."""

    name = "change_cancelled"
    summary = Bilingual("{actor} 取消已排期的变更：{reason}", "{actor} cancelled the scheduled change: {reason}")
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class PolicySuspended(Event):
    """A version was suspended in an emergency; the version before applies until `until`."""

    name = "policy_suspended"
    summary = Bilingual(
        "{printed_name} 以{role}身份紧急暂停 {policy} {version}，恢复 {fallback} 至 {until}：{reason}",
        "{printed_name} as {role} suspended {policy} {version}; {fallback} applies until {until}: {reason}",
    )
    policy: str
    version: str
    fallback: str
    suspension: str
    role: str
    printed_name: str
    reason: str
    until: str


@dataclass(frozen=True, slots=True)
class PolicyStopped(Event):
    """A version was suspended in an emergency, and no version applies in its place until `until`."""

    name = "policy_stopped"
    summary = Bilingual(
        "{printed_name} 以{role}身份紧急暂停 {policy} {version}，无版本可恢复，暂停至 {until}：{reason}",
        "{printed_name} as {role} suspended {policy} {version}; no version applies until {until}: {reason}",
    )
    policy: str
    version: str
    suspension: str
    role: str
    printed_name: str
    reason: str
    until: str


@dataclass(frozen=True, slots=True)
class SuspensionRatified(Event):
    """Another person confirmed a suspension, which then lasts until `until`."""

    name = "suspension_ratified"
    summary = Bilingual(
        "{printed_name} 以{role}身份追认暂停，至 {until}：{reason}",
        "{printed_name} as {role} ratified the suspension until {until}: {reason}",
    )
    policy: str
    suspension: str
    role: str
    printed_name: str
    reason: str
    until: str


@dataclass(frozen=True, slots=True)
class SuspensionEnded(Event):
    """A suspension was ended before its end; the suspended version applies again."""

    name = "suspension_ended"
    summary = Bilingual(
        "{actor} 提前结束对 {policy} {version} 的暂停：{reason}",
        "{actor} ended the suspension of {policy} {version}: {reason}",
    )
    policy: str
    version: str
    suspension: str
    reason: str
