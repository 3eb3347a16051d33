"""The closed set of events, each with its message in Chinese and in English.

An event is a value: its fields are the `body` of the entry. In a message `{actor}` is the actor; other names are
fields.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from policy_service.actor import Role
from policy_service.audit.events import accounts, changes, decisions, versions
from policy_service.audit.events.accounts import (
    AccountAttested,
    AccountCreated,
    AccountDisabled,
    AccountEnabled,
    AccountLinked,
    ApiKeyIssued,
    ApiKeyRevoked,
    DemonstrationBegun,
    ListExported,
    LogKeyAdded,
    LogSettled,
    PasswordChanged,
    RolesChanged,
    RowsRecorded,
    RowsTaken,
    SecondFactorRemoved,
    SecondFactorSet,
    SignedIn,
    SignedOut,
    SignInBlocked,
    SigningKeyAdded,
)
from policy_service.audit.events.changes import (
    ChangeAnalysed,
    ChangeAnalysisEnded,
    ChangeCancelled,
    ChangeCommented,
    ChangeDrafted,
    ChangeEdited,
    ChangeRejected,
    ChangeScheduled,
    ChangeSignedOff,
    ChangesRequested,
    ChangeSubmitted,
    ChangeWithdrawn,
    EvidenceAttached,
    PolicyStopped,
    PolicySuspended,
    SuspensionEnded,
    SuspensionRatified,
)
from policy_service.audit.events.decisions import (
    DecisionsArchived,
    DecisionsSealed,
    ErasuresApplied,
    MasterKeyRotated,
    OverrideEnded,
    OverrideRecorded,
    OverrideSigned,
    PopulationDeleted,
    PopulationRegistered,
    ReevaluationStarted,
    SubjectErased,
    SubjectsMerged,
)
from policy_service.audit.events.event import OBJECT_FIELDS, Event
from policy_service.audit.events.versions import (
    ActivationCancelled,
    ActivationRecorded,
    EndingCancelled,
    PolicyEnded,
    StopRecorded,
    VersionImported,
    VersionSubmitted,
)
from policy_service.language.policy import Bilingual, Language
from policy_service.subject import CUSTOMER, kind_label


def _events_of(module: ModuleType) -> list[type[Event]]:
    return [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Event) and "name" in vars(kind)
    ]


EVENTS: dict[str, type[Event]] = {
    kind.name: kind for module in (versions, changes, decisions, accounts) for kind in _events_of(module)
}
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
"""Titles of the roles."""
MEANINGS: dict[str, Bilingual] = {
    "approved": Bilingual("批准", "approved"),
    "conforms": Bilingual("符合制度", "conforms"),
}
METHODS: dict[str, Bilingual] = {
    "password": Bilingual("密码", "password"),
    "oidc": Bilingual("统一身份登录", "identity provider"),
}
WORDS = {"role": ROLES, "meaning": MEANINGS, "method": METHODS}
"""Titles of field values in messages."""


def describe_event(event: str, actor: str, body: dict[str, Any], lang: Language) -> str:
    """Return the message of an entry. Raises KeyError if there is no such event."""
    kind = kind_label(body.get("kind", CUSTOMER), lang)  # of entries from before kinds, too
    names = {**body, "actor": actor, "kind": kind}
    for field, words in WORDS.items():
        if (word := words.get(body.get(field, ""))) is not None:
            names[field] = word.in_language(lang)
    summary = EVENTS[event].summary
    return summary.in_language(lang).format_map(names)
