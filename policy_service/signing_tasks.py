"""A person's signing tasks, each with its effect, deadline, and what happens without the signature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlmodel import Session

from policy_service.approval import service as approval
from policy_service.approval.service import Change, Suspension
from policy_service.decisions.override import Override
from policy_service.lru_cache import LruCache
from policy_service.messages import Message
from policy_service.tasks import signing_deadline

CACHED_EFFECTS = 500
"""Capacity of the cache of submissions' effects; a submission never changes."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a change, from its frozen report and its simulation."""

    alters: bool
    """True if results may change."""
    changed_examples: int
    """Existing examples that change result."""
    moves: tuple[tuple[str, int, int], ...]
    """Each simulated kind of subject, with the number of movers and of all subjects."""


@dataclass(frozen=True, slots=True)
class SigningTask:
    """One task: a signature of the reader."""

    kind: Message
    title: str
    thing: Literal["changes", "suspensions", "overrides"]
    id: str
    what: tuple[str, ...]
    """The versions put in force, or the policy concerned."""
    effect: Effect | None
    due: datetime | None
    """The deadline for signing; None if there is none."""
    otherwise: Message
    """What happens without the signature."""


_EFFECTS: LruCache[str, Effect] = LruCache(CACHED_EFFECTS)


def change_task(session: Session, change: Change) -> SigningTask:
    """Return the task of signing a change."""
    submission = change.frozen_submission
    bases = {version.policy: version.version for version in submission.bases}
    return SigningTask(
        kind=Message("Change"),
        title=change.draft.title,
        thing="changes",
        id=change.id,
        what=(
            *(_version_step(bases.get(each.policy), each.policy, each.version) for each in submission.versions),
            *(f"{name} {bases.get(name, '')} → —" for name in change.draft.ends),
        ),
        effect=_EFFECTS.get_or_make(submission.digest(change.id), lambda: _effect(session, change)),
        due=signing_deadline(change),
        otherwise=Message("They stay as imported, signed by nobody.")
        if change.kind == "first_versions"
        else Message("It does not take effect; what is in force stays."),
    )


def suspension_task(suspension: Suspension) -> SigningTask:
    """Return the task of ratifying a suspension."""
    return SigningTask(
        kind=Message("Suspension to ratify"),
        title=f"{suspension.policy} {suspension.version}",
        thing="suspensions",
        id=suspension.id,
        what=(_version_step(suspension.version, suspension.policy, suspension.fallback or "—"),),
        effect=None,
        due=suspension.until,
        otherwise=Message("It ends automatically, and the suspended version applies again."),
    )


def override_task(override: Override) -> SigningTask:
    """Return the task of signing an override."""
    return SigningTask(
        kind=Message("Override"),
        title=f"{override.policy} · {override.subject.id}",
        thing="overrides",
        id=override.id,
        what=(override.policy,),
        effect=None,
        due=override.lapses_at or override.until,
        otherwise=Message("It lapses, and the rules decide."),
    )


def _version_step(base: str | None, policy: str, version: str) -> str:
    return f"{policy} {base} → {version}" if base else f"{policy} {version}"


def _effect(session: Session, change: Change) -> Effect:
    report, simulated = approval.read_report(session, change), approval.read_effect(session, change)
    candidates: Iterable[Mapping[str, Any]] = report["candidates"]
    parts: Iterable[Mapping[str, Any]] = simulated.document["parts"] if simulated else ()
    return Effect(
        bool(report.get("endings")) or any(each["difference"]["may_alter_answers"] for each in candidates),
        sum(len(each["other_answers"]) for each in candidates),
        tuple((each["kind"], each["moved"], each["subjects"]) for each in parts if "problems" not in each),
    )
