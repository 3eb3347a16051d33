"""Accounts: what they are made from, and who may change what of them.

An account is its making and all changes since, folded in order. Nothing of it is ever deleted: who signed is known for
as long as the signature is.

    administrator   stands alone: who manages accounts neither writes policies nor signs them, nor decides
    everybody else  may hold several roles; that nobody signs twice or signs their own work is the workflow's business
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from policy_service.actor import Actor, Role
from policy_service.identity.refusals import Fault

NAME = re.compile(r"[a-z][a-z0-9._-]{1,62}[a-z0-9]")
LONGEST_PRINTED_NAME = 100
Verdict = Literal[True] | str
"""True, or the reason why not."""


@dataclass(frozen=True, slots=True)
class External:
    """How a provider of identities knows the person: who provides, and the name it gives (OpenID Connect Core 2)."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What was changed of an account; what is None stayed."""

    roles: frozenset[Role] | None = None
    enabled: bool | None = None
    external: External | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account as it is now."""

    id: str
    name: str
    printed_name: str
    created_at: datetime
    roles: frozenset[Role] = frozenset()
    enabled: bool = False
    external: External | None = None

    def actor(self, confirmed_at: datetime | None = None) -> Actor:
        """The person as one who acts."""
        return Actor(self.id, self.name, self.printed_name, self.roles, "person", confirmed_at)


def fold(made: Account, changes: Iterable[AccountChange]) -> Account:
    """The account after all its changes."""
    account = made
    for change in changes:
        account = replace(
            account,
            roles=account.roles if change.roles is None else change.roles,
            enabled=account.enabled if change.enabled is None else change.enabled,
            external=account.external if change.external is None else change.external,
        )
    return account


def faults_of_names(name: str, printed_name: str) -> list[Fault]:
    """What is wrong with the names of a new account."""
    faults = []
    if not NAME.fullmatch(name):
        expected = "3 to 64 small letters, digits, points, hyphens or underscores, beginning with a letter"
        faults.append(Fault("name", name, expected))
    if not (printed_name.strip() == printed_name != "" and len(printed_name) <= LONGEST_PRINTED_NAME) or not (
        printed_name.isprintable()
    ):
        faults.append(Fault("printed_name", printed_name, f"1 to {LONGEST_PRINTED_NAME} characters, on one line"))
    return faults


def fault_of_roles(roles: frozenset[Role]) -> Fault | None:
    """What is wrong with a set of roles; None when a person may hold them together."""
    if Role.ADMINISTRATOR in roles and len(roles) > 1:
        told = ", ".join(sorted(roles))
        return Fault("roles", told, "no other role beside administrator: who manages accounts neither writes nor signs")
    return None


def may_administer(actor: Actor) -> Verdict:
    """Whether the actor manages accounts and keys: an administrator, or the service itself at set-up."""
    if actor.kind == "service" or (actor.kind == "person" and Role.ADMINISTRATOR in actor.roles):
        return True
    return "Only an administrator manages accounts and API keys."


def may_change_roles(
    actor: Actor, account: Account, roles: frozenset[Role], everybody: Mapping[str, Account]
) -> Verdict:
    """Whether the actor may give the account these roles instead of those it has."""
    if (verdict := may_administer(actor)) is not True:
        return verdict
    if actor.id == account.id:
        return "Nobody changes their own roles: another administrator has to do it."
    if Role.ADMINISTRATOR not in roles and _is_last_administrator(account, everybody):
        return f"{account.name} is the last enabled administrator: make another one first."
    return True


def may_disable(actor: Actor, account: Account, everybody: Mapping[str, Account]) -> Verdict:
    """Whether the actor may disable the account."""
    if (verdict := may_administer(actor)) is not True:
        return verdict
    if _is_last_administrator(account, everybody):
        return f"{account.name} is the last enabled administrator: make another one first."
    return True


def _is_last_administrator(account: Account, everybody: Mapping[str, Account]) -> bool:
    administrators = {each.id for each in everybody.values() if each.enabled and Role.ADMINISTRATOR in each.roles}
    return administrators == {account.id}
