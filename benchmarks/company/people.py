"""The people of the company, and the key its systems decide with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from policy_service.actor import SERVICE, SIGNING_ROLES, Actor, Role
from policy_service.database import Transaction
from policy_service.identity.api_keys import issue_key
from policy_service.identity.passwords import hash_password
from policy_service.identity.service import attest, create_account

PASSWORD = "ninety-nine quiet lamps"  # noqa: S105  # of nobody: the database is thrown away
HOLDERS = 2
"""People in each signing role."""
AUTHORS = 4
KEY_LASTS = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class People:
    """Everybody, as actors."""

    authors: tuple[Actor, ...]
    signers: Mapping[Role, tuple[Actor, ...]]
    administrator: Actor
    machine: Actor

    @property
    def all(self) -> tuple[Actor, ...]:
        """The people, without the machine."""
        return (*self.authors, *(actor for each in self.signers.values() for actor in each), self.administrator)


def make_people(transaction: Transaction) -> People:
    """Gives everybody an account, and attests those who sign."""
    password_hash = hash_password(PASSWORD)

    def make_person(name: str, role: Role) -> Actor:
        account = create_account(
            transaction,
            SERVICE,
            name=name,
            printed_name=name.replace("-", " ").title(),
            roles=[role],
            password_hash=password_hash,
        )
        if role in SIGNING_ROLES:
            attest(transaction, SERVICE, account.id)
        return Actor(account.id, account.name, account.printed_name, frozenset({role}))

    issued = issue_key(
        transaction, SERVICE, name="shop", scopes=[Role.INTEGRATION], expires_at=transaction.now + KEY_LASTS
    )
    return People(
        tuple(make_person(f"author-{number}", Role.AUTHOR) for number in range(AUTHORS)),
        {
            role: tuple(make_person(f"{role.replace('_', '-')}-{number}", role) for number in range(HOLDERS))
            for role in SIGNING_ROLES
        },
        make_person("administrator", Role.ADMINISTRATOR),
        Actor(issued.key.id, "shop", "shop", frozenset({Role.INTEGRATION}), "machine"),
    )
