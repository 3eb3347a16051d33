"""Events of versions: imported, submitted, put in force, taken out of force."""

from __future__ import annotations

from dataclasses import dataclass

from policy_service.audit.events.event import Event
from policy_service.language.policy import Bilingual


@dataclass(frozen=True, slots=True)
class VersionImported(Event):
    """A version was imported at set-up, without signatures here."""

    name = "version_imported"
    summary = Bilingual(
        "系统初始化时导入 {policy} {version}，无人签署", "{policy} {version} was imported at set-up; nobody signed it"
    )
    policy: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class VersionSubmitted(Event):
    """A version's text was frozen."""

    name = "version_submitted"
    summary = Bilingual(
        "{actor} 提交 {policy} {version}，文本自此不可更改", "{actor} submitted {policy} {version}; its text is frozen"
    )
    policy: str
    version: str
    digest: str
    change: str


@dataclass(frozen=True, slots=True)
class _ActivationEvent(Event):
    """The fields common to all activations: `effective_until` is null if open-ended."""

    policy: str
    version: str
    digest: str
    activation: str
    reason: str
    effective_from: str
    effective_until: str | None
    change: str | None = None
    suspension: str | None = None


@dataclass(frozen=True, slots=True)
class ActivationRecorded(_ActivationEvent):
    """A version was put in force for a period."""

    name = "activation_recorded"
    summary = Bilingual(
        "{policy} {version} 自 {effective_from} 起生效", "{policy} {version} is in force from {effective_from}"
    )


@dataclass(frozen=True, slots=True)
class StopRecorded(_ActivationEvent):
    """A policy was stopped for a period: `version` is out of force, and nothing replaces it."""

    name = "stop_recorded"
    summary = Bilingual(
        "{policy} 自 {effective_from} 起暂停，{version} 停止生效",
        "{policy} is stopped from {effective_from}; {version} is out of force",
    )


@dataclass(frozen=True, slots=True)
class PolicyEnded(_ActivationEvent):
    """A policy was ended from a day on; `version` is in force until then. A null `effective_until` means for good."""

    name = "policy_ended"
    summary = Bilingual(
        "{policy} 自 {effective_from} 起废止（此前为 {version}）",
        "{policy} is ended from {effective_from}; {version} was in force until then",
    )


@dataclass(frozen=True, slots=True)
class EndingCancelled(Event):
    """The ending of a policy was cancelled before its day."""

    name = "ending_cancelled"
    summary = Bilingual(
        "{actor} 取消了 {policy} 自 {effective_from} 起的废止安排",
        "{actor} cancelled that {policy} be ended from {effective_from}",
    )
    policy: str
    version: str
    activation: str
    effective_from: str
    change: str | None = None


@dataclass(frozen=True, slots=True)
class ActivationCancelled(Event):
    """An activation was cancelled: it had not begun, or another replaces it."""

    name = "activation_cancelled"
    summary = Bilingual(
        "{actor} 取消了 {policy} {version} 自 {effective_from} 起的生效安排",
        "{actor} cancelled that {policy} {version} be in force from {effective_from}",
    )
    policy: str
    version: str
    activation: str
    effective_from: str
    change: str | None = None
