"""What the rest of the service calls: the public names of changes and suspensions, in one place.

Functions with a `Transaction` write, in the lane `governance`; those with a `Session` read. A refusal is a `Refused`.
"""

from policy_service.approval.change import MEANINGS, Action, Afterwards, Change, Kind, Meaning, State, Version
from policy_service.approval.checking import Checked, Prepared, check_draft, prepare_submission
from policy_service.approval.drafts import comment, create, edit, rollback, withdraw
from policy_service.approval.reading import OPEN, Page, Sort, Wanted, changes, counts, soon, waiting_for
from policy_service.approval.refusals import Forbidden, OutOfState, Refused, Stale, Unfit, UnknownChange
from policy_service.approval.review import reject, request_changes, sign_off, submit
from policy_service.approval.schedule import cancel, schedule
from policy_service.approval.signers import SIGN_OFF, Signers
from policy_service.approval.store import comments, read_change, read_report, read_text
from policy_service.approval.suspension import ALONE, RATIFIED, Suspension
from policy_service.approval.suspensions import (
    Prospect,
    WantedSuspensions,
    end_suspension,
    list_suspensions,
    prospect,
    ratify,
    read_suspension,
    suspend,
    suspensions,
)
from policy_service.approval.verdicts import Verdict, ending, ratifying, suspending, verdicts
from policy_service.approval.words import period_of
from policy_service.approval.workflow import can, may

__all__ = [
    "ALONE",
    "MEANINGS",
    "OPEN",
    "RATIFIED",
    "SIGN_OFF",
    "Action",
    "Afterwards",
    "Change",
    "Checked",
    "Forbidden",
    "Kind",
    "Meaning",
    "OutOfState",
    "Page",
    "Prepared",
    "Prospect",
    "Refused",
    "Signers",
    "Sort",
    "Stale",
    "State",
    "Suspension",
    "Unfit",
    "UnknownChange",
    "Verdict",
    "Version",
    "Wanted",
    "WantedSuspensions",
    "can",
    "cancel",
    "changes",
    "check_draft",
    "comment",
    "comments",
    "counts",
    "create",
    "edit",
    "end_suspension",
    "ending",
    "list_suspensions",
    "may",
    "period_of",
    "prepare_submission",
    "prospect",
    "ratify",
    "ratifying",
    "read_change",
    "read_report",
    "read_suspension",
    "read_text",
    "reject",
    "request_changes",
    "rollback",
    "schedule",
    "sign_off",
    "soon",
    "submit",
    "suspend",
    "suspending",
    "suspensions",
    "verdicts",
    "waiting_for",
    "withdraw",
]
