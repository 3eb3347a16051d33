"""Every policy in the version that applies, with the words that a search looks into, in the orders of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlmodel import Session

from policy_service.language.policy import Policy
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.snapshot import PolicyStatus, RegistrySnapshot

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ListedPolicy:
    """One policy."""

    policy: Policy
    """In the version in force, or that was stopped; else the newest."""
    status: PolicyStatus

    @property
    def words(self) -> str:
        """All that a search looks into, in small letters."""
        policy = self.policy
        titles = (f"{each.zh} {each.en}" for each in (policy.title, *(each.title for each in policy.outcomes.values())))
        return " ".join((policy.id, policy.subject, *titles, *policy.source)).casefold()


ORDERS: Mapping[str, Callable[[ListedPolicy], tuple[object, str]]] = {
    "name": lambda each: (each.policy.id, ""),
    "since": lambda each: (each.status.since or NEVER, each.policy.id),
    "next": lambda each: (each.status.next[0].start if each.status.next else NEVER, each.policy.id),
}
"""The orders of a list: by name, by the day of what is in force, by the day of what comes next."""


def list_policies(
    session: Session, catalogue: Catalogue, snapshot: RegistrySnapshot, now: datetime
) -> list[ListedPolicy]:
    """Return every policy, by name."""

    def listed(name: str) -> ListedPolicy:
        status = snapshot.status(name, now)
        digest = status.current[1].digest if status.current else snapshot.versions[name][0].digest
        return ListedPolicy(catalogue.load(session, digest), status)

    return [listed(name) for name in sorted(snapshot.versions)]


def in_order(policies: Iterable[ListedPolicy], sort: str) -> list[ListedPolicy]:
    """Return policies in an order, `-` before it for the reverse; what has no such day stands last, either way."""
    order = ORDERS.get(sort.removeprefix("-"))
    if order is None:
        return list(policies)
    ordered = sorted(policies, key=order, reverse=sort.startswith("-"))
    return sorted(ordered, key=lambda each: order(each)[0] == NEVER)
