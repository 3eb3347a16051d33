"""First versions: the versions imported at set-up, with their day and evidence, signed once like a change.

    set-up       ├──────────────────────────►   imported, known from then on, unsigned
    the day ├───────────────────────────────►   the same versions, known from the last signature on

Scheduling cancels the imported activations and records them again, from the stated day and with the signed change. A
query with an earlier `known_at` still returns what was known then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from policy_service.approval.change import Version
from policy_service.clock import timestamp
from policy_service.messages import Message
from policy_service.registry.model import Activation, ActivationKind, active_at


def unsigned_first_versions(activations: Iterable[Activation], now: datetime) -> dict[str, Activation]:
    """Return the imported activations without a signed change, the first of each policy, by name."""
    unsigned: dict[str, Activation] = {}
    for each in activations:
        if each.kind is ActivationKind.INITIAL and each.change is None and each.is_known_at(now):
            unsigned.setdefault(each.policy, each)
    return dict(sorted(unsigned.items()))


def first_version_problems(
    activations: Sequence[Activation], versions: Iterable[Version], start: datetime, now: datetime
) -> Iterator[str]:
    """Yield why versions cannot be declared in force from an instant, in the registry's current state."""
    if start > now:
        yield Message("First versions have been in force already: {start} is in the future.", start=timestamp(start))
        return
    unsigned = unsigned_first_versions(activations, now)
    for version in versions:
        names = {"policy": version.policy, "version": version.version}
        imported, active = unsigned.get(version.policy), active_at(activations, version.policy, start, now)
        if imported is None or imported.digest != version.digest:
            yield Message("{policy} {version} was not imported at set-up, or is signed already.", **names)
        elif active is not None and active.change is not None:
            yield Message(
                "{policy} {version} was in force on that day by a signed change: state an earlier day.",
                policy=active.policy,
                version=active.version,
            )
        elif start > imported.effective.start:
            yield Message(
                "{policy} {version} has been in force here since {start}: state that day or an earlier one.",
                **names,
                start=timestamp(imported.effective.start),
            )
