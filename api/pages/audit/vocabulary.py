"""What the events of the log, and the things they are about, are called on the pages."""

from __future__ import annotations

from collections.abc import Mapping

from policy_service.sentences import Sentence

EVENT_NAMES: Mapping[str, Sentence] = {
    "version_imported": Sentence("Version imported"),
    "version_submitted": Sentence("Version submitted"),
    "activation_recorded": Sentence("Put in force"),
    "stop_recorded": Sentence("Policy stopped"),
    "activation_cancelled": Sentence("Activation cancelled"),
    "change_drafted": Sentence("Change drafted"),
    "change_edited": Sentence("Draft edited"),
    "change_commented": Sentence("Comment"),
    "change_submitted": Sentence("Change submitted"),
    "change_signed_off": Sentence("Signature"),
    "changes_requested": Sentence("Changes asked for"),
    "change_rejected": Sentence("Change rejected"),
    "change_withdrawn": Sentence("Change withdrawn"),
    "change_scheduled": Sentence("Change scheduled"),
    "change_cancelled": Sentence("Change cancelled"),
    "policy_suspended": Sentence("Policy suspended"),
    "policy_stopped": Sentence("Policy suspended without a replacement"),
    "suspension_ratified": Sentence("Suspension ratified"),
    "suspension_ended": Sentence("Suspension ended"),
    "decisions_sealed": Sentence("Decisions sealed"),
    "policy_ended": Sentence("Policy ended"),
    "ending_cancelled": Sentence("Ending of a policy cancelled"),
    "override_recorded": Sentence("Override recorded"),
    "override_signed": Sentence("Override signed"),
    "override_ended": Sentence("Override ended"),
    "subject_erased": Sentence("Subject erased"),
    "master_key_rotated": Sentence("Master key rotated"),
    "account_created": Sentence("Account created"),
    "roles_changed": Sentence("Roles changed"),
    "account_disabled": Sentence("Account disabled"),
    "account_enabled": Sentence("Account enabled"),
    "account_linked": Sentence("Account linked"),
    "account_vouched": Sentence("Account vouched for"),
    "password_changed": Sentence("Password changed"),
    "signed_in": Sentence("Signed in"),
    "signed_out": Sentence("Signed out"),
    "sign_in_blocked": Sentence("Sign-in blocked"),
    "api_key_issued": Sentence("API key issued"),
    "api_key_revoked": Sentence("API key revoked"),
    "signing_key_added": Sentence("Signing key added"),
    "log_settled": Sentence("Difference of the log settled"),
    "log_key_added": Sentence("Log key added"),
    "rows_recorded": Sentence("Rows recorded"),
    "rows_taken": Sentence("Rows taken as found"),
}
"""Every event of the log; a test asks that none is forgotten."""

THING_NAMES: Mapping[str, Sentence] = {
    "policy": Sentence("policy"),
    "change": Sentence("change"),
    "activation": Sentence("activation"),
    "suspension": Sentence("suspension"),
    "override": Sentence("override"),
    "subject": Sentence("subject"),
    "block": Sentence("block of decisions"),
    "account": Sentence("account"),
    "api_key": Sentence("API key"),
    "signing_key": Sentence("signing key"),
}
"""Everything that an entry can be about."""

MEANINGS: Mapping[str, Sentence] = {"approved": Sentence("approves"), "conforms": Sentence("conforms")}
"""What a signature says, in a word."""
