"""Forecasts what is in force: on the day of a change without it; and with it, any incompatibilities from then on.

A change is compared with a state without emergency suspensions: these end by themselves, and the change is meant for
the time after.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from policy_service.approval.change import Afterwards, Change, ChangeKind, Version
from policy_service.language.load import PolicyFolderError
from policy_service.language.policy import Policy
from policy_service.language.requirements import facts_from, required_policies, topological_order
from policy_service.messages import Message
from policy_service.registry.model import (
    Activation,
    ActivationKind,
    Period,
    all_active_at,
    all_endings_at,
    relevant_from,
)

PolicyLoader = Callable[[str], Policy]
"""Returns the policy with a digest."""
LAST_SEQ = 2**53
"""Greater than any activation's number."""
_ACTIVATION_KINDS: Mapping[ChangeKind, ActivationKind] = {
    "change": ActivationKind.CHANGE,
    "rollback": ActivationKind.ROLLBACK,
    "first_versions": ActivationKind.INITIAL,
}


def ordinary_activations(activations: Iterable[Activation]) -> tuple[Activation, ...]:
    """Return the activations other than emergency ones."""
    return tuple(each for each in activations if not each.is_emergency)


class PlannedActivation(NamedTuple):
    """A version that a change puts in force, or ends, over a period."""

    version: Version
    kind: ActivationKind
    effective: Period


def plan_activations(
    versions: Sequence[Version], ends: Sequence[Version], afterwards: Afterwards, effective: Period, kind: ChangeKind
) -> tuple[PlannedActivation, ...]:
    """Return a change's planned activations, in order. `ends` are the policies it ends, with their versions in force.

    If nothing shall follow the period, a policy's ending is planned from the start on, before its version is put in
    force: of two that begin together, the one recorded last counts, and activations that begin meanwhile still apply.
    """
    kind_of_activation = _ACTIVATION_KINDS[kind]
    for_good = afterwards == "nothing"
    ended_versions, ending_period = (
        (*ends, *(versions if for_good else ())),
        Period(effective.start) if for_good else effective,
    )
    return (
        *(PlannedActivation(version, ActivationKind.ENDING, ending_period) for version in ended_versions),
        *(PlannedActivation(version, kind_of_activation, effective) for version in versions),
    )


def proposed_activations(change: str, plan: Sequence[PlannedActivation], now: datetime) -> tuple[Activation, ...]:
    """Return the activations that a change would record."""
    return tuple(
        Activation(
            LAST_SEQ + index,
            f"{change}:{index}",
            *(version.policy, version.version, version.digest),
            kind,
            effective,
            now,
            change=change,
        )
        for index, (version, kind, effective) in enumerate(plan)
    )


def without_change(activations: Iterable[Activation], change: str, now: datetime) -> tuple[Activation, ...]:
    """Return the activations as if those of a change were cancelled now."""
    return tuple(replace(each, cancelled_at=now) if each.change == change else each for each in activations)


def base_versions(  # noqa: PLR0913, PLR0917  # what a change touches, and where to look
    activations: Iterable[Activation],
    versions: Sequence[Version],
    start: datetime,
    now: datetime,
    load: PolicyLoader,
    ends: Collection[str] = (),
) -> tuple[Version, ...]:
    """Return the versions in force at `start` without the change: of its policies, and of their neighbours.

    `ends` are the policies that it ends.
    """
    active = all_active_at(ordinary_activations(activations), start, now)
    policies = {name: load(each.digest) for name, each in active.items()}
    names = {version.policy for version in versions} | set(ends)
    required = {name for version in versions for name in required_policies(load(version.digest))}
    required |= {name for each in names if each in policies for name in required_policies(policies[each])}
    related_policies = {
        name for name, policy in policies.items() if name in names | required or required_policies(policy) & names
    }
    return tuple(Version(name, active[name].version, active[name].digest) for name in sorted(related_policies))


def compatibility_problems(
    activations: Iterable[Activation], start: datetime, now: datetime, load: PolicyLoader
) -> list[str]:
    """List why policies would be incompatible at some instant from `start` on, one message per policy and instant."""
    activations = relevant_from(activations, start, now)
    ends = (instant for each in activations for instant in (each.effective.start, each.effective.until))
    boundaries = sorted({start, *(instant for instant in ends if instant is not None and instant > start)})
    problems: dict[str, None] = {}
    for instant in boundaries:
        active, absent = all_active_at(activations, instant, now), all_endings_at(activations, instant, now)
        policies = [load(each.digest) for each in active.values()]
        ended = [name for name, each in absent.items() if each.kind is ActivationKind.ENDING]
        for problem in (*_staging_problems(policies, absent), *_missing_outcome_problems(policies, ended)):
            problems[Message("From {instant:%Y-%m-%d %H:%M} UTC {misfit}.", instant=instant, misfit=problem)] = None
    return list(problems)


def _missing_outcome_problems(policies: Iterable[Policy], ended: Iterable[str]) -> list[str]:
    """List the policies that require an outcome of an ended one."""
    return [
        Message(
            "{policy} {version} would lack `{fact}`, which it takes from {ended}: end it in the same change, or put a "
            "version of it in force that does without",
            policy=policy.id,
            version=policy.version,
            fact=fact.name,
            ended=name,
        )
        for name in ended
        for policy in policies
        for fact in facts_from(policy, name)
        if not fact.optional
    ]


def _staging_problems(policies: Iterable[Policy], absent: Collection[str]) -> list[str]:
    try:
        topological_order(policies, absent)
    except PolicyFolderError as error:
        return [
            Message(
                "{policy} would not fit: {fault}",
                policy=file_error.path.removesuffix(".yaml"),
                fault=diagnostic.message,
            )
            for file_error in error.errors
            for diagnostic in file_error.diagnostics
        ]
    return []


def affected_changes(
    activations_before: Sequence[Activation],
    activations_after: Sequence[Activation],
    others: Iterable[Change],
    now: datetime,
    load: PolicyLoader,
) -> list[Change]:
    """Return the scheduled changes whose base versions would no longer match their report."""
    affected = []
    for other in others:
        submitted = other.frozen_submission
        start, ends = submitted.effective.start, [version.policy for version in submitted.ends]
        old_bases, new_bases = (
            base_versions(without_change(activations, other.id, now), submitted.versions, start, now, load, ends)
            for activations in (activations_before, activations_after)
        )
        if old_bases != new_bases:
            affected.append(other)
    return affected


def version_differences(signed_versions: Sequence[Version], current_versions: Sequence[Version]) -> list[str]:
    """List the versions whose base differs from the one at submission."""
    old, new = ({version.policy: version for version in versions} for versions in (signed_versions, current_versions))
    return [
        _describe_difference(name, old, new)
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _describe_difference(name: str, old: Mapping[str, Version], new: Mapping[str, Version]) -> str:
    old_version, new_version = (
        versions[name].version if name in versions else Message("nothing") for versions in (old, new)
    )
    return Message("{policy}: was {was}, would now be {now}", policy=name, was=old_version, now=new_version)
