"""Attestation: before an account can sign, a second person confirms that only its owner controls it.

An administrator could create an account with a signing role, or reset a director's password, and sign as that person.
So a signing role only takes effect after two persons acted: one who gave it, and one who attested it.

    who may attest          a person in the role of compliance that has effect; the command line, at the very start
    the first of compliance an administrator whom only the command line made may attest, as long as nobody ever was
    who may not             the owner; those who created or changed the account, or the accounts of those
    what is attested        an account that is enabled, has a signing role, and no password that another person gave

An attestation covers the account's state at that time. It is withdrawn by a password or link set by another person, a
further signing role, and re-enabling (`account.fold`), but not by a password change by the owner.
"""

from __future__ import annotations

from collections.abc import Mapping

from policy_service.actor import Actor, Role
from policy_service.identity.account import Account, PermissionResult
from policy_service.messages import Message, join_sentences

COMPLIANCE_ATTESTS = Message("Only compliance may attest an account.")


def may_attest(actor: Actor, account: Account, accounts: Mapping[str, Account]) -> PermissionResult:
    """Return True if the actor may attest the account, else the reason."""
    if actor.is_system:
        return True
    if actor.kind != "person":
        return Message("An API key cannot attest accounts; a person must.")
    if actor.id == account.id:
        return Message("You cannot attest your own account.")
    if actor.id in all_editors(account, accounts):
        return Message("You changed the account {account}, so another person must attest it.", account=account.name)
    if Role.COMPLIANCE in actor.roles:
        return True
    if (reason := actor.pending_reason([Role.COMPLIANCE])) is not None:
        return reason
    return _may_attest_first(actor, account, accounts)


def can_be_attested(account: Account, actor: Actor) -> PermissionResult:
    """Return True if the account's current state can be attested, else the reason."""
    if not account.enabled:
        return Message("The account {account} is disabled.", account=account.name)
    if not account.signing_roles:
        return Message("The account {account} has no signing role, so it needs no attestation.", account=account.name)
    if not account.has_own_password and not actor.is_system:
        return Message(
            "The password of {account} was set by another person: its owner must change it first.", account=account.name
        )
    return True


def may_attest_now(actor: Actor, account: Account, accounts: Mapping[str, Account]) -> PermissionResult:
    """Return True if the actor may attest the account and its current state can be attested, else the reason."""
    permission = may_attest(actor, account, accounts)
    return can_be_attested(account, actor) if permission is True else permission


def all_editors(account: Account, accounts: Mapping[str, Account]) -> frozenset[str]:
    """Return everyone who created or changed the account, or, transitively, an account of those."""
    editors: set[str] = set()
    queue = set(account.editors)
    while queue:
        editor = queue.pop()
        editors.add(editor)
        if editor in accounts:
            queue |= accounts[editor].editors - editors
    return frozenset(editors)


def _may_attest_first(actor: Actor, account: Account, accounts: Mapping[str, Account]) -> PermissionResult:
    """Return True if an administrator may attest because no compliance account can yet, else the reason."""
    if Role.ADMINISTRATOR not in actor.roles or any(each.was_compliance for each in accounts.values()):
        return COMPLIANCE_ATTESTS
    if Role.COMPLIANCE not in account.roles:
        first = Message("No account could do this yet: attest a compliance account first.")
        return join_sentences([COMPLIANCE_ATTESTS, first])
    if accounts[actor.id].editors & accounts.keys():
        return Message("Another administrator changed your account, so you cannot attest the first compliance account.")
    return True
