"""The list of all policies in their current version, with search texts and sort orders."""

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
    """The version in force, or stopped; else the newest."""
    status: PolicyStatus

    @property
    def words(self) -> str:
        """Return the searchable text, in lower case."""
        policy = self.policy
        titles = (f"{each.zh} {each.en}" for each in (policy.title, *(each.title for each in policy.outcomes.values())))
        return " ".join((policy.id, policy.subject, *titles, *policy.source)).casefold()


ORDERS: Mapping[str, Callable[[ListedPolicy], tuple[object, str]]] = {
    "name": lambda each: (each.policy.id, ""),
    "since": lambda each: (each.status.since or NEVER, each.policy.id),
    "next": lambda each: (each.status.next[0].start if each.status.next else NEVER, each.policy.id),
}
"""The sort orders: by name, by the day of the version in force, by the day of the next one."""


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
    """Return policies in an order, reversed with `-`; those without such a day come last either way."""
    order = ORDERS.get(sort.removeprefix("-"))
    if order is None:
        return list(policies)
    ordered = sorted(policies, key=order, reverse=sort.startswith("-"))
    return sorted(ordered, key=lambda each: order(each)[0] == NEVER)
