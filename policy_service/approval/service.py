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
from policy_service.approval.signers import GovernanceEvaluator
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
from policy_service.approval.workflow import check_permission
