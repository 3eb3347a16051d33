"""Events of changes and suspensions."""

from __future__ import annotations

from dataclasses import dataclass

from policy_service.audit.events.event import Event
from policy_service.language.policy import Bilingual


@dataclass(frozen=True, slots=True)
class ChangeDrafted(Event):
    """A change was created."""

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
    """A file was attached to a change, such as a scan or minutes; `size` in bytes."""

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
    """A person commented on a change."""

    name = "change_commented"
    summary = Bilingual("{actor} 评论变更：{text}", "{actor} commented: {text}")
    change: str
    text: str


@dataclass(frozen=True, slots=True)
class ChangeAnalysed(Event):
    """The analysis of a change began; until it ends the change cannot be edited."""

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
    """A change was submitted: signatures are on what `digest` covers."""

    name = "change_submitted"
    summary = Bilingual("{actor} 提交变更，摘要 {digest}", "{actor} submitted the change under {digest}")
    change: str
    digest: str
    roles: tuple[str, ...]
    effect: str | None = None
    """The digest of the versions, records and code from which its effect was computed."""


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
    """A change was returned to its author."""

    name = "changes_requested"
    summary = Bilingual("{actor} 要求修改：{reason}", "{actor} requested changes: {reason}")
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeRejected(Event):
    """A change was rejected for good."""

    name = "change_rejected"
    summary = Bilingual("{actor} 驳回变更：{reason}", "{actor} rejected the change: {reason}")
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeWithdrawn(Event):
    """A change was withdrawn by its author."""

    name = "change_withdrawn"
    summary = Bilingual("{actor} 撤回变更：{reason}", "{actor} withdrew the change: {reason}")
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeScheduled(Event):
    """A fully signed change was given its effective day."""

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
    """A scheduled change was cancelled before its day."""

    name = "change_cancelled"
    summary = Bilingual("{actor} 取消已排期的变更：{reason}", "{actor} cancelled the scheduled change: {reason}")
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class PolicySuspended(Event):
    """A version was suspended in an emergency; the previous version applies until `until`."""

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
    """A version was suspended in an emergency, with no version in its place until `until`."""

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
    """A suspension was ended early; the suspended version applies again."""

    name = "suspension_ended"
    summary = Bilingual(
        "{actor} 提前结束对 {policy} {version} 的暂停：{reason}",
        "{actor} ended the suspension of {policy} {version}: {reason}",
    )
    policy: str
    version: str
    suspension: str
    reason: str
