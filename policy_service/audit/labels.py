"""Titles of the log's events and objects."""

from __future__ import annotations

from collections.abc import Mapping

from policy_service.messages import Message

EVENT_NAMES: Mapping[str, Message] = {
    "version_imported": Message("Version imported"),
    "version_submitted": Message("Version submitted"),
    "activation_recorded": Message("Put in force"),
    "stop_recorded": Message("Policy stopped"),
    "activation_cancelled": Message("Activation cancelled"),
    "change_drafted": Message("Change drafted"),
    "change_edited": Message("Draft edited"),
    "change_commented": Message("Comment"),
    "change_analysed": Message("Change under analysis"),
    "change_analysis_ended": Message("Analysis of a change ended"),
    "change_submitted": Message("Change submitted"),
    "change_signed_off": Message("Signature"),
    "changes_requested": Message("Changes requested"),
    "change_rejected": Message("Change rejected"),
    "change_withdrawn": Message("Change withdrawn"),
    "change_scheduled": Message("Change scheduled"),
    "change_cancelled": Message("Change cancelled"),
    "policy_suspended": Message("Policy suspended"),
    "policy_stopped": Message("Policy suspended without a replacement"),
    "suspension_ratified": Message("Suspension ratified"),
    "suspension_ended": Message("Suspension ended"),
    "decisions_sealed": Message("Decisions sealed"),
    "decisions_archived": Message("Decisions moved to an archive"),
    "evidence_attached": Message("Evidence attached"),
    "policy_ended": Message("Policy ended"),
    "ending_cancelled": Message("Ending of a policy cancelled"),
    "override_recorded": Message("Override recorded"),
    "override_signed": Message("Override signed"),
    "override_ended": Message("Override ended"),
    "subject_erased": Message("Subject erased"),
    "subjects_merged": Message("Subjects merged"),
    "population_registered": Message("Population registered"),
    "population_deleted": Message("Population deleted"),
    "erasures_applied": Message("Erasures applied to a population"),
    "reevaluation_started": Message("Re-evaluation started"),
    "master_key_rotated": Message("Master key rotated"),
    "demonstration_begun": Message("Demonstration set up"),
    "account_created": Message("Account created"),
    "roles_changed": Message("Roles changed"),
    "account_disabled": Message("Account disabled"),
    "account_enabled": Message("Account enabled"),
    "account_linked": Message("Account linked"),
    "account_vouched": Message("Account attested"),
    "password_changed": Message("Password changed"),
    "second_factor_set": Message("Second factor set up"),
    "second_factor_removed": Message("Second factor removed"),
    "signed_in": Message("Signed in"),
    "signed_out": Message("Signed out"),
    "sign_in_blocked": Message("Sign-in blocked"),
    "api_key_issued": Message("API key issued"),
    "api_key_revoked": Message("API key revoked"),
    "signing_key_added": Message("Signing key added"),
    "list_exported": Message("List exported"),
    "log_settled": Message("Difference of the log settled"),
    "log_key_added": Message("Log key added"),
    "rows_recorded": Message("Rows recorded"),
    "rows_taken": Message("Existing rows recorded"),
}
"""Titles of all events; a test checks that none is missing."""

THING_NAMES: Mapping[str, Message] = {
    "policy": Message("policy"),
    "change": Message("change"),
    "activation": Message("activation"),
    "suspension": Message("suspension"),
    "override": Message("override"),
    "population": Message("population"),
    "subject": Message("subject"),
    "block": Message("block of decisions"),
    "account": Message("account"),
    "api_key": Message("API key"),
    "signing_key": Message("signing key"),
}
"""Titles of everything an entry can be about."""

MEANINGS: Mapping[str, Message] = {"approved": Message("approves"), "conforms": Message("conforms")}
"""The meaning of a signature, in a word."""
