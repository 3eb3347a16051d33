"""The public names of changes and suspensions in one place, for the rest of the service.

Functions with a `Transaction` write, in the lane `governance`; those with a `Session` read. A rejection is an
`OperationRejected`.
"""

from policy_service.approval.change import (
    MEANINGS,
    Action,
    Afterwards,
    Change,
    ChangeKind,
    ChangeState,
    Meaning,
    Version,
)
from policy_service.approval.draft_check import DraftCheck, PreparedSubmission, check_draft, prepare_submission
from policy_service.approval.drafts import (
    comment,
    create,
    create_first_versions,
    edit,
    rollback,
    withdraw,
)
from policy_service.approval.effect import Effect, EffectQuestion, EffectReader
from policy_service.approval.errors import (
    InvalidState,
    OperationRejected,
    PermissionDenied,
    StaleChange,
    UnknownChange,
    ValidationFailed,
)
from policy_service.approval.evidence import read_evidence
from policy_service.approval.permissions import (
    Permission,
    change_permissions,
    end_permission,
    ratify_permission,
    suspend_permission,
)
from policy_service.approval.queries import (
    OPEN,
    ChangeFilter,
    ChangeSort,
    awaiting_signature,
    count_by_state,
    list_changes,
    upcoming_changes,
)
from policy_service.approval.review import (
    analyse,
    end_analysis,
    reject,
    request_changes,
    return_drifted,
    sign_off,
    submit,
)
from policy_service.approval.schedule import cancel, schedule
from policy_service.approval.signers import SIGN_OFF, GovernanceEvaluator
from policy_service.approval.store import read_change, read_comments, read_effect, read_movers, read_report, read_text
from policy_service.approval.suspension import RATIFIED_LENGTH, SUSPENSION_LENGTH, Suspension
from policy_service.approval.suspension_queries import read_suspension, read_suspensions
from policy_service.approval.suspension_service import (
    SuspensionPreview,
    end_suspension,
    preview_suspension,
    ratify,
    suspend,
)
from policy_service.approval.validation import make_period
from policy_service.approval.workflow import check_permission, check_state

__all__ = [
    "MEANINGS",
    "OPEN",
    "RATIFIED_LENGTH",
    "SIGN_OFF",
    "SUSPENSION_LENGTH",
    "Action",
    "Afterwards",
    "Change",
    "ChangeFilter",
    "ChangeKind",
    "ChangeSort",
    "ChangeState",
    "DraftCheck",
    "Effect",
    "EffectQuestion",
    "EffectReader",
    "GovernanceEvaluator",
    "InvalidState",
    "Meaning",
    "OperationRejected",
    "Permission",
    "PermissionDenied",
    "PreparedSubmission",
    "StaleChange",
    "Suspension",
    "SuspensionPreview",
    "UnknownChange",
    "ValidationFailed",
    "Version",
    "analyse",
    "awaiting_signature",
    "cancel",
    "change_permissions",
    "check_draft",
    "check_permission",
    "check_state",
    "comment",
    "count_by_state",
    "create",
    "create_first_versions",
    "edit",
    "end_analysis",
    "end_permission",
    "end_suspension",
    "list_changes",
    "make_period",
    "prepare_submission",
    "preview_suspension",
    "ratify",
    "ratify_permission",
    "read_change",
    "read_comments",
    "read_effect",
    "read_evidence",
    "read_movers",
    "read_report",
    "read_suspension",
    "read_suspensions",
    "read_text",
    "reject",
    "request_changes",
    "return_drifted",
    "rollback",
    "schedule",
    "sign_off",
    "submit",
    "suspend",
    "suspend_permission",
    "upcoming_changes",
    "withdraw",
]
