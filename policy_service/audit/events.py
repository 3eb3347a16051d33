"""The closed set of events, each with its sentence in Chinese and in English.

An event is a value: its fields are the `body` of the entry. In a sentence `{actor}` is who did it, other names are
fields.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from policy_service.actor import Role
from policy_service.language.policy import Bilingual, Language

THINGS = (
    "policy",
    "change",
    "activation",
    "suspension",
    "override",
    "subject",
    "block",
    "account",
    "api_key",
    "signing_key",
)
"""The fields that name what an event is about."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done."""

    name: ClassVar[str]
    says: ClassVar[Bilingual]

    def body(self) -> dict[str, Any]:
        """The fields, as canonical JSON takes them."""
        return asdict(self)

    def about(self) -> tuple[str, ...]:
        """What the event is about, e.g. `change:0197…`."""
        body = self.body()
        return tuple(f"{thing}:{body[thing]}" for thing in THINGS if body.get(thing))


# ---------------------------------------------------------------------------------------------- the registry


@dataclass(frozen=True, slots=True)
class VersionImported(Event):
    """A version was there when the service was set up; nobody signed it here."""

    name = "version_imported"
    says = Bilingual(
        "系统初始化时导入 {policy} {version}，无人签署", "{policy} {version} was imported at set-up; nobody signed it"
    )
    policy: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class VersionSubmitted(Event):
    """A version's text was frozen."""

    name = "version_submitted"
    says = Bilingual(
        "{actor} 提交 {policy} {version}，文本自此不可更改", "{actor} submitted {policy} {version}; its text is frozen"
    )
    policy: str
    version: str
    digest: str
    change: str


@dataclass(frozen=True, slots=True)
class ActivationRecorded(Event):
    """A version was put in force for a period; `effective_until` is null when it has no end."""

    name = "activation_recorded"
    says = Bilingual(
        "{policy} {version} 自 {effective_from} 起生效", "{policy} {version} is in force from {effective_from}"
    )
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
class ActivationCancelled(Event):
    """An activation that had not begun was taken back."""

    name = "activation_cancelled"
    says = Bilingual(
        "{actor} 取消了 {policy} {version} 自 {effective_from} 起的生效安排",
        "{actor} cancelled that {policy} {version} be in force from {effective_from}",
    )
    policy: str
    version: str
    activation: str
    effective_from: str
    change: str | None = None


# -------------------------------------------------------------------------------------------------- changes


@dataclass(frozen=True, slots=True)
class ChangeDrafted(Event):
    """A change was begun."""

    name = "change_drafted"
    says = Bilingual("{actor} 起草变更“{title}”", "{actor} drafted the change “{title}”")
    change: str
    title: str


@dataclass(frozen=True, slots=True)
class ChangeEdited(Event):
    """A draft was written anew."""

    name = "change_edited"
    says = Bilingual("{actor} 修改草稿，为第 {revision} 稿", "{actor} edited the draft, now revision {revision}")
    change: str
    revision: int
    digest: str


@dataclass(frozen=True, slots=True)
class ChangeCommented(Event):
    """Somebody said something about a change."""

    name = "change_commented"
    says = Bilingual("{actor} 评论变更：{text}", "{actor} commented: {text}")
    change: str
    text: str


@dataclass(frozen=True, slots=True)
class ChangeSubmitted(Event):
    """A change was submitted: what `digest` covers is what is signed."""

    name = "change_submitted"
    says = Bilingual("{actor} 提交变更，摘要 {digest}", "{actor} submitted the change under {digest}")
    change: str
    digest: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangeSignedOff(Event):
    """One person's signature, in one role, on one digest."""

    name = "change_signed_off"
    says = Bilingual(
        "{printed_name}以{role}身份签署变更（{meaning}）：{reason}",
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
    says = Bilingual("{actor} 要求修改：{reason}", "{actor} asked for changes: {reason}")
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeRejected(Event):
    """A change was refused for good."""

    name = "change_rejected"
    says = Bilingual("{actor} 否决变更：{reason}", "{actor} rejected the change: {reason}")
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeWithdrawn(Event):
    """A change was taken back by its author."""

    name = "change_withdrawn"
    says = Bilingual("{actor} 撤回变更：{reason}", "{actor} withdrew the change: {reason}")
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeScheduled(Event):
    """A change that has all its signatures was given its day."""

    name = "change_scheduled"
    says = Bilingual(
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
    says = Bilingual("{actor} 取消已排期的变更：{reason}", "{actor} cancelled the scheduled change: {reason}")
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class PolicySuspended(Event):
    """A version was suspended in an emergency; the version before applies until `until`."""

    name = "policy_suspended"
    says = Bilingual(
        "{printed_name}以{role}身份紧急暂停 {policy} {version}，恢复 {fallback} 至 {until}：{reason}",
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
class SuspensionRatified(Event):
    """Another person confirmed a suspension, which then lasts until `until`."""

    name = "suspension_ratified"
    says = Bilingual(
        "{printed_name}以{role}身份追认暂停，至 {until}：{reason}",
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
    says = Bilingual(
        "{actor} 提前结束对 {policy} {version} 的暂停：{reason}",
        "{actor} ended the suspension of {policy} {version}: {reason}",
    )
    policy: str
    version: str
    suspension: str
    reason: str


# ------------------------------------------------------------------------------------------------ decisions


@dataclass(frozen=True, slots=True)
class DecisionsSealed(Event):
    """Decision records `first` to `last` were sealed: `root` is the Merkle root of their digests."""

    name = "decisions_sealed"
    says = Bilingual("封存决策记录 {first} 至 {last}", "decision records {first} to {last} were sealed")
    block: int
    first: int
    last: int
    root: str


@dataclass(frozen=True, slots=True)
class OverrideRecorded(Event):
    """A subject was excepted from the rules of a policy until `until` (R-GOV-4)."""

    name = "override_recorded"
    says = Bilingual(
        "{printed_name}以{role}身份对 {subject} 的 {policy} 作例外处理，至 {until}：{reason}",
        "{printed_name} as {role} excepted {subject} from {policy} until {until}: {reason}",
    )
    override: str
    subject: str
    policy: str
    outcome: Any
    role: str
    printed_name: str
    reason: str
    until: str


@dataclass(frozen=True, slots=True)
class OverrideEnded(Event):
    """An override was ended before its end."""

    name = "override_ended"
    says = Bilingual("{actor} 提前终止例外：{reason}", "{actor} ended the override: {reason}")
    override: str
    subject: str
    policy: str
    reason: str


@dataclass(frozen=True, slots=True)
class SubjectErased(Event):
    """A subject's key was deleted: its sensitive facts can no longer be read by anybody."""

    name = "subject_erased"
    says = Bilingual("{actor} 删除 {subject} 的密钥：{reason}", "{actor} deleted the key of {subject}: {reason}")
    subject: str
    reason: str


# ------------------------------------------------------------------------------------- accounts, keys, sessions


@dataclass(frozen=True, slots=True)
class AccountCreated(Event):
    """A person was given an account."""

    name = "account_created"
    says = Bilingual("{actor} 建立账户 {account_name}", "{actor} created the account {account_name}")
    account: str
    account_name: str
    printed_name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RolesChanged(Event):
    """An account's roles were changed."""

    name = "roles_changed"
    says = Bilingual("{actor} 更改账户 {account_name} 的角色", "{actor} changed the roles of {account_name}")
    account: str
    account_name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountDisabled(Event):
    """An account can no longer sign in."""

    name = "account_disabled"
    says = Bilingual("{actor} 停用账户 {account_name}", "{actor} disabled the account {account_name}")
    account: str
    account_name: str


@dataclass(frozen=True, slots=True)
class AccountEnabled(Event):
    """An account can sign in again."""

    name = "account_enabled"
    says = Bilingual("{actor} 恢复账户 {account_name}", "{actor} enabled the account {account_name}")
    account: str
    account_name: str


@dataclass(frozen=True, slots=True)
class AccountLinked(Event):
    """A provider of identities lets an account in from now on, as the person it knows by `external_id`."""

    name = "account_linked"
    says = Bilingual(
        "{actor} 将账户 {account_name} 关联到 {issuer} 的 {external_id}",
        "{actor} linked the account {account_name} to {external_id} of {issuer}",
    )
    account: str
    account_name: str
    issuer: str
    external_id: str


@dataclass(frozen=True, slots=True)
class PasswordChanged(Event):
    """An account has another password; its sessions ended."""

    name = "password_changed"
    says = Bilingual("{actor} 更改账户 {account_name} 的密码", "{actor} changed the password of {account_name}")
    account: str
    account_name: str


@dataclass(frozen=True, slots=True)
class SignedIn(Event):
    """A person signed in."""

    name = "signed_in"
    says = Bilingual("{actor} 登录（{method}）", "{actor} signed in ({method})")
    account: str
    method: str


@dataclass(frozen=True, slots=True)
class SignedOut(Event):
    """A person signed out."""

    name = "signed_out"
    says = Bilingual("{actor} 退出登录", "{actor} signed out")
    account: str


@dataclass(frozen=True, slots=True)
class SignInBlocked(Event):
    """Too many wrong passwords: for a while nobody can sign in to the account."""

    name = "sign_in_blocked"
    says = Bilingual(
        "账户 {account_name} 因密码错误过多暂停登录", "too many wrong passwords for {account_name}: sign-in is blocked"
    )
    account: str
    account_name: str
    until: str


@dataclass(frozen=True, slots=True)
class ApiKeyIssued(Event):
    """A machine was given a key."""

    name = "api_key_issued"
    says = Bilingual("{actor} 发放 API 密钥 {key_name}", "{actor} issued the API key {key_name}")
    api_key: str
    key_name: str
    scopes: tuple[str, ...]
    expires: str | None


@dataclass(frozen=True, slots=True)
class ApiKeyRevoked(Event):
    """A machine's key no longer opens anything."""

    name = "api_key_revoked"
    says = Bilingual("{actor} 吊销 API 密钥 {key_name}", "{actor} revoked the API key {key_name}")
    api_key: str
    key_name: str


@dataclass(frozen=True, slots=True)
class SigningKeyAdded(Event):
    """Checkpoints are signed with this key from now on; the key before vouches for it, except for the first."""

    name = "signing_key_added"
    says = Bilingual("启用新的签名密钥 {signing_key}", "a new signing key is in use: {signing_key}")
    signing_key: str
    public_key: str
    endorsed_by: str | None
    signature: str | None


EVENTS: dict[str, type[Event]] = {kind.name: kind for kind in Event.__subclasses__()}
"""Every event, by its name."""


ROLES: dict[str, Bilingual] = {
    Role.AUTHOR: Bilingual("起草人", "author"),
    Role.SALES_DIRECTOR: Bilingual("销售总监", "sales director"),
    Role.FINANCE_DIRECTOR: Bilingual("财务总监", "finance director"),
    Role.GENERAL_MANAGER: Bilingual("总经理", "general manager"),
    Role.COMPLIANCE: Bilingual("合规", "compliance"),
    Role.INTEGRATION: Bilingual("系统接口", "integration"),
    Role.ADMINISTRATOR: Bilingual("管理员", "administrator"),
}
"""What a role is called."""


def sentence(event: str, actor: str, body: dict[str, Any], lang: Language) -> str:
    """What an entry says, for a reader. Raises KeyError when there is no such event."""
    names = {**body, "actor": actor}
    if (role := ROLES.get(body.get("role", ""))) is not None:
        names["role"] = role.zh if lang == "zh" else role.en
    says = EVENTS[event].says
    return (says.zh if lang == "zh" else says.en).format_map(names)
