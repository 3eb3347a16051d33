"""What will be in force: on the day of a change without it, and whether everything fits from then on with it.

Emergency suspensions are left out of what a change is compared with: they end by themselves, and a change is made for
the time after.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from policy_service.approval.change import Afterwards, Change, Kind, Version
from policy_service.language.load import PolicyFolderError
from policy_service.language.policy import Policy
from policy_service.language.requirements import in_stages, needed, needs_of
from policy_service.registry.model import (
    Activation,
    ActivationKind,
    Period,
    all_active_at,
    all_nothing_at,
    from_then_on,
)
from policy_service.sentences import Sentence

Load = Callable[[str], Policy]
"""Gives the policy under a digest."""
END = 2**53
"""Behind every activation there is."""


def ordinary(activations: Iterable[Activation]) -> tuple[Activation, ...]:
    """The activations that no emergency made."""
    return tuple(each for each in activations if not each.is_emergency)


class Planned(NamedTuple):
    """A version that a change puts in force, or ends, over a period."""

    version: Version
    kind: ActivationKind
    effective: Period


def planned(
    versions: Sequence[Version], ends: Sequence[Version], afterwards: Afterwards, effective: Period, kind: Kind
) -> tuple[Planned, ...]:
    """What a change records, in order. `ends` are the policies it ends, each with its version in force on the day.

    A policy of which nothing shall be in force after the period is ended from the start on, before its version is put
    in force: of two that begin together the one recorded last counts, and of what begins meanwhile nothing is lost.
    """
    puts = ActivationKind.ROLLBACK if kind == "rollback" else ActivationKind.CHANGE
    for_good = afterwards == "nothing"
    ended, ending = (*ends, *(versions if for_good else ())), Period(effective.start) if for_good else effective
    return (
        *(Planned(version, ActivationKind.ENDING, ending) for version in ended),
        *(Planned(version, puts, effective) for version in versions),
    )


def proposed(change: str, plan: Sequence[Planned], now: datetime) -> tuple[Activation, ...]:
    """The activations a change would record."""
    return tuple(
        Activation(
            END + index,
            f"{change}:{index}",
            *(version.policy, version.version, version.digest),
            kind,
            effective,
            now,
            change=change,
        )
        for index, (version, kind, effective) in enumerate(plan)
    )


def without(activations: Iterable[Activation], change: str, now: datetime) -> tuple[Activation, ...]:
    """The activations if those of a change were taken back now."""
    return tuple(replace(each, cancelled_at=now) if each.change == change else each for each in activations)


def bases(  # noqa: PLR0913, PLR0917  # what a change touches, and where to look
    activations: Iterable[Activation],
    versions: Sequence[Version],
    start: datetime,
    now: datetime,
    load: Load,
    ends: Collection[str] = (),
) -> tuple[Version, ...]:
    """What would be in force at `start` without a change: of its policies, and of those next to them in need.

    `ends` are the policies that it ends.
    """
    there = all_active_at(ordinary(activations), start, now)
    policies = {name: load(each.digest) for name, each in there.items()}
    names = {version.policy for version in versions} | set(ends)
    wanted = {name for version in versions for name in needed(load(version.digest))}
    wanted |= {name for each in names if each in policies for name in needed(policies[each])}
    around = {name for name, policy in policies.items() if name in names | wanted or needed(policy) & names}
    return tuple(Version(name, there[name].version, there[name].digest) for name in sorted(around))


def misfits(activations: Iterable[Activation], start: datetime, now: datetime, load: Load) -> list[str]:
    """Why policies would not fit together at some instant from `start` on; one sentence a policy and instant."""
    activations = from_then_on(activations, start, now)
    ends = (instant for each in activations for instant in (each.effective.start, each.effective.until))
    boundaries = sorted({start, *(instant for instant in ends if instant is not None and instant > start)})
    found: dict[str, None] = {}
    for instant in boundaries:
        active, absent = all_active_at(activations, instant, now), all_nothing_at(activations, instant, now)
        policies = [load(each.digest) for each in active.values()]
        ended = [name for name, each in absent.items() if each.kind is ActivationKind.ENDING]
        for told in (*_misfits(policies, absent), *_bereft(policies, ended)):
            found[Sentence("From {instant:%Y-%m-%d %H:%M} UTC {misfit}.", instant=instant, misfit=told)] = None
    return list(found)


def _bereft(policies: Iterable[Policy], ended: Iterable[str]) -> list[str]:
    """The policies that cannot do without an outcome of one that was ended."""
    return [
        Sentence(
            "{policy} {version} would lack `{fact}`, which it takes from {ended}: end it in the same change, or put a "
            "version of it in force that does without",
            policy=policy.id,
            version=policy.version,
            fact=fact.name,
            ended=name,
        )
        for name in ended
        for policy in policies
        for fact in needs_of(policy, name)
        if not fact.optional
    ]


def _misfits(policies: Iterable[Policy], absent: Collection[str]) -> list[str]:
    try:
        in_stages(policies, absent)
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
        submitted = other.submitted
        start, ends = submitted.effective.start, [version.policy for version in submitted.ends]
        old, new = (
            bases(without(activations, other.id, now), submitted.versions, start, now, load, ends)
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
