"""What the rest of the service calls: the public names of changes and suspensions, in one place.

Functions with a `Transaction` write, in the lane `governance`; those with a `Session` read. A refusal is a `Refused`.
"""

from policy_service.approval.change import MEANINGS, Action, Change, Kind, Meaning, State, Version
from policy_service.approval.checking import Checked, Prepared, check_draft, prepare_submission
from policy_service.approval.drafts import comment, create, edit, rollback, withdraw
from policy_service.approval.reading import Page, Wanted, changes
from policy_service.approval.refusals import Forbidden, OutOfState, Refused, Stale, Unfit, UnknownChange
from policy_service.approval.review import reject, request_changes, sign_off, submit
from policy_service.approval.schedule import cancel, schedule
from policy_service.approval.signers import SIGN_OFF, Signers
from policy_service.approval.store import comments, read_change, read_report, read_text
from policy_service.approval.suspension import ALONE, RATIFIED, Suspension
from policy_service.approval.suspensions import end_suspension, ratify, read_suspension, suspend, suspensions
from policy_service.approval.words import period_of
from policy_service.approval.workflow import can, may

__all__ = [
    "ALONE",
    "MEANINGS",
    "RATIFIED",
    "SIGN_OFF",
    "Action",
    "Change",
    "Checked",
    "Forbidden",
    "Kind",
    "Meaning",
    "OutOfState",
    "Page",
    "Prepared",
    "Refused",
    "Signers",
    "Stale",
    "State",
    "Suspension",
    "Unfit",
    "UnknownChange",
    "Version",
    "Wanted",
    "can",
    "cancel",
    "changes",
    "check_draft",
    "comment",
    "comments",
    "create",
    "edit",
    "end_suspension",
    "may",
    "period_of",
    "prepare_submission",
    "ratify",
    "read_change",
    "read_report",
    "read_suspension",
    "read_text",
    "reject",
    "request_changes",
    "rollback",
    "schedule",
    "sign_off",
    "submit",
    "suspend",
    "suspensions",
    "withdraw",
]
