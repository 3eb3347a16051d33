"""What will be in force: on the day of a change without it, and whether everything fits from then on with it.

Emergency suspensions are left out of what a change is compared with: they end by themselves, and a change is made for
the time after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from policy_service.approval.change import Change, Version
from policy_service.language.load import PolicyFolderError
from policy_service.language.policy import Policy
from policy_service.language.requirements import in_stages, needed
from policy_service.registry.model import Activation, ActivationKind, Period, all_active_at, from_then_on
from policy_service.sentences import Sentence

Load = Callable[[str], Policy]
"""Gives the policy under a digest."""
END = 2**53
"""Behind every activation there is."""


def ordinary(activations: Iterable[Activation]) -> tuple[Activation, ...]:
    """The activations that no emergency made."""
    return tuple(each for each in activations if each.kind is not ActivationKind.SUSPENSION)


def proposed(change: str, versions: Sequence[Version], effective: Period, now: datetime) -> tuple[Activation, ...]:
    """The activations a change would record."""
    return tuple(
        Activation(
            END + index,
            f"{change}:{index}",
            version.policy,
            version.version,
            version.digest,
            ActivationKind.CHANGE,
            effective,
            now,
            change=change,
        )
        for index, version in enumerate(versions)
    )


def without(activations: Iterable[Activation], change: str, now: datetime) -> tuple[Activation, ...]:
    """The activations if those of a change were taken back now."""
    return tuple(replace(each, cancelled_at=now) if each.change == change else each for each in activations)


def bases(
    activations: Iterable[Activation],
    versions: Sequence[Version],
    start: datetime,
    now: datetime,
    load: Load,
) -> tuple[Version, ...]:
    """What would be in force at `start` without a change: of its policies, and of those next to them in need."""
    there = all_active_at(ordinary(activations), start, now)
    policies = {name: load(each.digest) for name, each in there.items()}
    names = {version.policy for version in versions}
    wanted = {name for version in versions for name in needed(load(version.digest))}
    wanted |= {name for version in versions if version.policy in policies for name in needed(policies[version.policy])}
    around = {name for name, policy in policies.items() if name in names | wanted or needed(policy) & names}
    return tuple(Version(name, there[name].version, there[name].digest) for name in sorted(around))


def misfits(activations: Iterable[Activation], start: datetime, now: datetime, load: Load) -> list[str]:
    """Why policies would not fit together at some instant from `start` on; one sentence a policy and instant."""
    activations = from_then_on(activations, start, now)
    ends = (instant for each in activations for instant in (each.effective.start, each.effective.until))
    boundaries = sorted({start, *(instant for instant in ends if instant is not None and instant > start)})
    found: dict[str, None] = {}
    for instant in boundaries:
        active = all_active_at(activations, instant, now)
        for told in _misfits(load(each.digest) for each in active.values()):
            found[Sentence("From {instant:%Y-%m-%d %H:%M} UTC {misfit}.", instant=instant, misfit=told)] = None
    return list(found)


def _misfits(policies: Iterable[Policy]) -> list[str]:
    try:
        in_stages(policies)
    except PolicyFolderError as error:
        return [
            Sentence("{policy} would not fit: {fault}", policy=one.path.removesuffix(".yaml"), fault=fault.message)
            for one in error.errors
            for fault in one.diagnostics
        ]
    return []


def disturbed(
    before: Sequence[Activation],
    afterwards: Sequence[Activation],
    others: Iterable[Change],
    now: datetime,
    load: Load,
) -> list[Change]:
    """The scheduled changes whose report would no longer say what they are compared with."""
    found = []
    for other in others:
        start, versions = other.submitted.effective.start, other.submitted.versions
        old, new = (
            bases(without(activations, other.id, now), versions, start, now, load)
            for activations in (before, afterwards)
        )
        if old != new:
            found.append(other)
    return found


def unlike(seen: Sequence[Version], now: Sequence[Version]) -> list[str]:
    """What is compared with something else now than it was."""
    old, new = ({version.policy: version for version in versions} for versions in (seen, now))
    return [_told(name, old, new) for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]


def _told(name: str, old: Mapping[str, Version], new: Mapping[str, Version]) -> str:
    was, is_now = (versions[name].version if name in versions else Sentence("nothing") for versions in (old, new))
    return Sentence("{policy}: was {was}, would now be {now}", policy=name, was=was, now=is_now)
