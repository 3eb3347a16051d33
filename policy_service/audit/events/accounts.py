"""Events of accounts, keys and sessions."""

from __future__ import annotations

from dataclasses import dataclass

from policy_service.audit.events.event import Event
from policy_service.language.policy import Bilingual


@dataclass(frozen=True, slots=True)
class DemonstrationBegun(Event):
    """The database was set up as a demonstration: its people, customers and decisions are invented."""

    name = "demonstration_begun"
    summary = Bilingual(
        "{actor} 建立演示：其中的人员、客户和决定均为虚构",
        "{actor} set up a demonstration: its people, customers and decisions are invented",
    )


@dataclass(frozen=True, slots=True)
class AccountCreated(Event):
    """An account was created for a person."""

    name = "account_created"
    summary = Bilingual("{actor} 建立账户 {account_name}", "{actor} created the account {account_name}")
    account: str
    account_name: str
    printed_name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RolesChanged(Event):
    """An account's roles were changed."""

    name = "roles_changed"
    summary = Bilingual("{actor} 更改账户 {account_name} 的角色", "{actor} changed the roles of {account_name}")
    account: str
    account_name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountDisabled(Event):
    """An account can no longer sign in."""

    name = "account_disabled"
    summary = Bilingual("{actor} 停用账户 {account_name}", "{actor} disabled the account {account_name}")
    account: str
    account_name: str


@dataclass(frozen=True, slots=True)
class AccountEnabled(Event):
    """An account can sign in again."""

    name = "account_enabled"
    summary = Bilingual("{actor} 恢复账户 {account_name}", "{actor} enabled the account {account_name}")
    account: str
    account_name: str


@dataclass(frozen=True, slots=True)
class AccountLinked(Event):
    """An identity provider may sign in this account, as the person it knows by `external_id`."""

    name = "account_linked"
    summary = Bilingual(
        "{actor} 将账户 {account_name} 关联到 {issuer} 的 {external_id}",
        "{actor} linked the account {account_name} to {external_id} of {issuer}",
    )
    account: str
    account_name: str
    issuer: str
    external_id: str


@dataclass(frozen=True, slots=True)
class AccountAttested(Event):
    """A person attested that the account belongs to one person alone; its signing roles take effect."""

    name = "account_vouched"
    summary = Bilingual(
        "{actor} 确认账户 {account_name} 由本人独自掌握，其签署角色生效",
        "{actor} attested {account_name}, whose signing roles take effect",
    )
    account: str
    account_name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PasswordChanged(Event):
    """The password of an account changed; its sessions ended."""

    name = "password_changed"
    summary = Bilingual("{actor} 更改账户 {account_name} 的密码", "{actor} changed the password of {account_name}")
    account: str
    account_name: str


@dataclass(frozen=True, slots=True)
class SecondFactorSet(Event):
    """A second factor was set for an account."""

    name = "second_factor_set"
    summary = Bilingual(
        "{actor} 启用账户 {account_name} 的第二因素", "{actor} set up the second factor of {account_name}"
    )
    account: str
    account_name: str


@dataclass(frozen=True, slots=True)
class SecondFactorRemoved(Event):
    """The second factor of an account was removed."""

    name = "second_factor_removed"
    summary = Bilingual(
        "{actor} 移除账户 {account_name} 的第二因素", "{actor} removed the second factor of {account_name}"
    )
    account: str
    account_name: str


@dataclass(frozen=True, slots=True)
class SignedIn(Event):
    """A person signed in."""

    name = "signed_in"
    summary = Bilingual("{actor} 登录（{method}）", "{actor} signed in ({method})")
    account: str
    method: str


@dataclass(frozen=True, slots=True)
class SignedOut(Event):
    """A person signed out."""

    name = "signed_out"
    summary = Bilingual("{actor} 退出登录", "{actor} signed out")
    account: str


@dataclass(frozen=True, slots=True)
class SignInBlocked(Event):
    """Sign-in to an account was throttled after too many wrong passwords, at least until `until`."""

    name = "sign_in_blocked"
    summary = Bilingual(
        "账户 {account_name} 密码错误次数过多，来源暂停登录",
        "too many wrong passwords for {account_name}: whoever gave them has to wait",
    )
    account: str
    account_name: str
    until: str


@dataclass(frozen=True, slots=True)
class ApiKeyIssued(Event):
    """An API key was issued to a machine."""

    name = "api_key_issued"
    summary = Bilingual("{actor} 发放 接口密钥 {key_name}", "{actor} issued the API key {key_name}")
    api_key: str
    key_name: str
    scopes: tuple[str, ...]
    expires: str | None


@dataclass(frozen=True, slots=True)
class ApiKeyRevoked(Event):
    """An API key was revoked."""

    name = "api_key_revoked"
    summary = Bilingual("{actor} 吊销 接口密钥 {key_name}", "{actor} revoked the API key {key_name}")
    api_key: str
    key_name: str


@dataclass(frozen=True, slots=True)
class SigningKeyAdded(Event):
    """Checkpoints are signed with this key from now on; the previous key endorses it, except for the first."""

    name = "signing_key_added"
    summary = Bilingual("启用新的签名密钥 {signing_key}", "a new signing key is in use: {signing_key}")
    signing_key: str
    public_key: str
    endorsed_by: str | None
    signature: str | None


@dataclass(frozen=True, slots=True)
class ListExported(Event):
    """The filtered rows of a list were exported as a file; `is_complete` unless it was truncated."""

    name = "list_exported"
    summary = Bilingual(
        "{actor} 导出列表 {path}（{format}），共 {rows} 行",
        "{actor} exported the list {path} as {format}: rows: {rows}",
    )
    path: str
    format: str
    rows: int
    is_complete: bool
    filters: dict[str, str]


@dataclass(frozen=True, slots=True)
class LogSettled(Event):
    """The log did not match its checkpoints or their copies, and the operator accepted it as it is."""

    name = "log_settled"
    summary = Bilingual(
        "{actor} 确认日志现状正确：{difference}；原因：{reason}",
        "{actor} settled a difference of the log: {difference}: {reason}",
    )
    difference: str
    reason: str


@dataclass(frozen=True, slots=True)
class LogKeyAdded(Event):
    """From now on entries have a MAC by this key, and so do decision records after number `decisions`.

    `before` is the previous key, which is `lost` if it was no longer available.
    """

    name = "log_key_added"
    summary = Bilingual("启用新的日志密钥 {log_key}", "a new key of the log is in use: {log_key}")
    log_key: str
    before: str | None
    lost: bool
    decisions: int


@dataclass(frozen=True, slots=True)
class RowsRecorded(Event):
    """Covered rows were written that no other entry of the transaction records."""

    name = "rows_recorded"
    summary = Bilingual("记录 {count} 行数据的摘要", "the digests of {count} rows were recorded")
    count: int


@dataclass(frozen=True, slots=True)
class RowsTaken(Event):
    """Existing rows were covered, as found."""

    name = "rows_taken"
    summary = Bilingual(
        "表 {table} 中已有的 {count} 行按现状纳入日志", "{count} rows of the table {table} were taken as found"
    )
    table: str
    count: int
