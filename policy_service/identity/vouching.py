"""Vouching: somebody else says that an account is the person's alone, before it signs anything.

Whoever looks after accounts could make one with a signing role, or give a director's another password, and sign as that
person. So a signing role has no effect before two have had to do with it: one who gave it, and one who vouched.

    who may vouch           a person in the role of compliance that has effect; the command line, at the very start
    the first of compliance an administrator whom only the command line made may vouch for, as long as nobody ever was
    who may not             the person; whoever made the account or changed anything of it; whoever is behind those
    what is vouched for     an account that is enabled, has a signing role, and no password that somebody else gave

A vouching is for the account as it is then. A password or a link given by somebody else, another signing role, and
being let in again take it away (`account.fold`); a password that the person changes does not.
"""

from __future__ import annotations

from collections.abc import Mapping

from policy_service.actor import Actor, Role
from policy_service.identity.account import Account, Verdict
from policy_service.sentences import Sentence, together

COMPLIANCE_VOUCHES = Sentence("Only compliance vouches for an account.")


def may_vouch(actor: Actor, account: Account, everybody: Mapping[str, Account]) -> Verdict:
    """Whether the actor may vouch for the account, or why not."""
    if actor.is_set_up:
        return True
    if actor.kind != "person":
        return Sentence("An API key vouches for nobody; this is for a person.")
    if actor.id == account.id:
        return Sentence("Nobody vouches for their own account.")
    if actor.id in behind(account, everybody):
        return Sentence(
            "You had a hand in the account {account}, so somebody else has to vouch for it.", account=account.name
        )
    if Role.COMPLIANCE in actor.roles:
        return True
    if (why := actor.why_waiting([Role.COMPLIANCE])) is not None:
        return why
    return _may_begin(actor, account, everybody)


def can_be_vouched(account: Account, actor: Actor) -> Verdict:
    """Whether the account as it is can be vouched for, or why not."""
    if not account.enabled:
        return Sentence("The account {account} is disabled.", account=account.name)
    if not account.signing_roles:
        return Sentence(
            "The account {account} has no signing role, so nobody has to vouch for it.", account=account.name
        )
    if not account.has_own_password and not actor.is_set_up:
        return Sentence(
            "Somebody else gave {account} the password: the person has to change it first.", account=account.name
        )
    return True


def behind(account: Account, everybody: Mapping[str, Account]) -> frozenset[str]:
    """Everybody who had a hand in the account, or in the account of somebody who had."""
    found: set[str] = set()
    rest = set(account.hands)
    while rest:
        hand = rest.pop()
        found.add(hand)
        if hand in everybody:
            rest |= everybody[hand].hands - found
    return frozenset(found)


def _may_begin(actor: Actor, account: Account, everybody: Mapping[str, Account]) -> Verdict:
    """Whether an administrator may vouch, because there is nobody of compliance yet who could."""
    if Role.ADMINISTRATOR not in actor.roles or any(each.began_compliance for each in everybody.values()):
        return COMPLIANCE_VOUCHES
    if Role.COMPLIANCE not in account.roles:
        first = Sentence("There is nobody yet who could: vouch for somebody of compliance first.")
        return together([COMPLIANCE_VOUCHES, first])
    if everybody[actor.id].hands & everybody.keys():
        return Sentence(
            "Another administrator had a hand in your account, so you cannot vouch for the first of compliance."
        )
    return True
