"""Checks drafts: the files, the report, and everything that would prevent submission.

This is slow, since policies are built and tested, so it runs before the submitting transaction, which repeats the quick
checks.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from policy_service.actor import Role
from policy_service.analysis.report import analyse
from policy_service.approval.capacity import CAPACITY, check_capacity
from policy_service.approval.change import Action, Change, ChangeState, Version
from policy_service.approval.effect import Effect, EffectQuestion, EffectReader
from policy_service.approval.effect_limits import EFFECT_LIMITS, check_effect_limits, limit_problems
from policy_service.approval.errors import InvalidState, OperationRejected, StaleChange, ValidationFailed
from policy_service.approval.first_versions import first_version_problems
from policy_service.approval.forecast import (
    PlannedActivation,
    base_versions,
    compatibility_problems,
    ordinary_activations,
    plan_activations,
    proposed_activations,
)
from policy_service.approval.override_authority import OVERRIDES, check_overrides
from policy_service.approval.policies import head_loader, policy_loader
from policy_service.approval.signers import (
    NO_IMPACT,
    SIGN_OFF,
    GovernanceEvaluator,
    check_sign_off,
    decides_money,
    effect_facts,
    sign_off_version,
)
from policy_service.approval.store import read_change, read_changes
from policy_service.approval.suspension import is_of_governance
from policy_service.approval.tables import SubmittedVersionRow
from policy_service.approval.workflow import check_state
from policy_service.clock import timestamp
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import version_key
from policy_service.language.policy import Policy
from policy_service.messages import Message, join_comma, join_semicolon
from policy_service.registry.model import Activation, all_active_at, all_endings_at
from policy_service.registry.service import activations
from policy_service.registry.service import versions as registered

CHECKS: Mapping[str, Callable[[Policy], None]] = {
    OVERRIDES: check_overrides,
    EFFECT_LIMITS: check_effect_limits,
    CAPACITY: check_capacity,
}
"""The check of a new version of each governance policy."""
CHANGE_MODIFIED = Message("The change was altered since you read it: read it again.")


@dataclass(frozen=True, slots=True)
class DraftCheck:
    """The problems of a draft, and its report as far as available."""

    problems: tuple[str, ...]
    """Messages; empty if it could be submitted now."""
    diagnostics: tuple[dict[str, Any], ...]
    """The errors of the policy files, one object per text."""
    report: dict[str, Any] | None
    effect: Effect | None = None
    """Its effect, if it could be submitted now."""

    def to_dict(self) -> dict[str, Any]:
        return {"problems": list(self.problems), "diagnostics": list(self.diagnostics), "report": self.report}


@dataclass(frozen=True, slots=True)
class PreparedSubmission:
    """All data for a submission, computed from one state of the draft and the registry."""

    change: str
    etag: str
    versions: tuple[Version, ...]
    ends: tuple[Version, ...]
    """The ended policies, each with its version in force on the day."""
    report: dict[str, Any]
    roles: tuple[Role, ...]
    sign_off: Version
    bases: tuple[Version, ...]
    effect: Effect | None = None


def check_draft(session: Session, change: str, signers: GovernanceEvaluator, now: datetime.datetime) -> DraftCheck:
    """List what prevents a draft from being submitted. Slow. Raises UnknownChange, InvalidState."""
    try:
        prepared = prepare_submission(session, change, signers, now)
    except ValidationFailed as error:
        return DraftCheck(error.messages, error.diagnostics, error.report)
    return DraftCheck((), (), prepared.report)


def prepare_submission(  # noqa: PLR0913  # what a draft is checked by
    session: Session,
    change: str,
    signers: GovernanceEvaluator,
    now: datetime.datetime,
    *,
    expected: str | None = None,
    effects: EffectReader | None = None,
) -> PreparedSubmission:
    """Check a draft and compute what a submission needs. Slow.

    Without `effects` the effect of the change is unknown. Raises UnknownChange, InvalidState, StaleChange, and
    ValidationFailed with every problem.
    """
    draft = read_change(session, change)
    if (possible := check_state(draft, Action.SUBMIT, now)) is not True:
        raise InvalidState(possible)
    if expected is not None and draft.etag != expected:
        raise StaleChange(CHANGE_MODIFIED)
    candidates = _candidates(session, draft)
    versions = tuple(Version(policy.id, policy.version, policy.digest) for policy in candidates)
    start = draft.draft.effective.start
    load = policy_loader(session)
    all_activations = activations(session)
    ended_now = ended_versions(draft, all_activations, now)
    problems = submission_problems(session, draft, versions, ended_now, now)
    active = {
        name: load(each.digest)
        for name, each in all_active_at(ordinary_activations(all_activations), start, now).items()
    }
    ended_policies = draft.draft.ends
    report = analyse(candidates, active, ended_policies, all_endings_at(all_activations, start, now))
    document = report.to_dict()
    problems += [
        Message("{policy}: {found}.", policy=each.policy, found=join_semicolon((each.message.en, *each.cases)))
        for each in report.errors
    ]
    affected = [*candidates, *(active[each.policy] for each in ended_now)]
    effect = None  # first versions are in force already, and move nobody
    if effects is not None and not problems and draft.kind != "first_versions":
        over = draft.draft.simulated_over
        effect = effects(
            EffectQuestion(tuple(candidates), tuple(active.values()), start, tuple(ended_policies), over, now)
        )
        problems += limit_problems(session, signers, effect, {policy.domain for policy in affected}, now)
    roles, sign_off = _required_roles(session, draft, affected, active, signers, now, problems, effect)
    if problems or sign_off is None:
        raise ValidationFailed(problems, (), document)
    base = base_versions(all_activations, versions, start, now, load, ended_policies)
    return PreparedSubmission(change, draft.etag, versions, ended_now, document, roles, sign_off, base, effect)


def ended_versions(draft: Change, all_activations: Sequence[Activation], now: datetime.datetime) -> tuple[Version, ...]:
    """Return the policies that a draft ends and that would be in force on its day, with their versions."""
    active = all_active_at(ordinary_activations(all_activations), draft.draft.effective.start, now)
    activations_ended = (active[name] for name in draft.draft.ends if name in active)
    return tuple(Version(each.policy, each.version, each.digest) for each in activations_ended)


def _candidates(session: Session, draft: Change) -> list[Policy]:
    """Return the policies of a draft. Raises ValidationFailed if a file is invalid."""
    load = policy_loader(session)
    if draft.kind != "change":
        return [load(version.digest) for version in draft.draft.versions]
    policies: list[Policy] = []
    errors: dict[str, PolicyError] = {}
    for digest in draft.draft.texts:
        try:
            policies.append(load(digest))
        except PolicyError as error:
            errors[digest] = error
    if errors:
        raise ValidationFailed(
            [
                problem
                for error in errors.values()
                for problem in error.render().split("\n")
                if not problem.startswith(" ")
            ],
            [
                {"text": digest, "faults": [problem.to_dict() for problem in error.diagnostics]}
                for digest, error in errors.items()
            ],
        )
    return policies


def _required_roles(  # noqa: PLR0913, PLR0917  # all that decides who must sign
    session: Session,
    draft: Change,
    candidates: Sequence[Policy],
    active: dict[str, Policy],
    signers: GovernanceEvaluator,
    now: datetime.datetime,
    problems: list[str],
    effect: Effect | None,
) -> tuple[tuple[Role, ...], Version | None]:
    """Return the required signers and the version that decides them; add to `problems` what prevents that."""
    domains = {policy.domain for policy in candidates}
    other_domains, paying_domains = (
        {each.domain for each in candidates if decides_money(each) is decides} for decides in (False, True)
    )
    impact = NO_IMPACT if draft.kind == "first_versions" else effect_facts(effect)
    try:
        sign_off = sign_off_version(session, now)
        sign_off_policy = policy_loader(session)(sign_off.digest)
        roles = signers.required_roles(
            sign_off_policy, other_domains, draft.kind, impact, now.date(), paying_domains=paying_domains
        )
        for policy in candidates:
            if policy.id == SIGN_OFF:
                check_sign_off(policy, domains | {each.domain for each in active.values()})
            if policy.id in CHECKS:
                CHECKS[policy.id](policy)
    except OperationRejected as rejection:
        problems.extend(rejection.messages)
        return (), None
    return roles, sign_off


# --------------------------------------------------------------------------------------------- quick questions


def submission_problems(
    session: Session, draft: Change, versions: Sequence[Version], ends: Sequence[Version], now: datetime.datetime
) -> list[str]:
    """List why these versions cannot be submitted for the requested period in the registry's current state.

    `ends` are the policies that the draft ends and that would be in force then.
    """
    all_activations = activations(session)
    names = [*(version.policy for version in versions), *draft.draft.ends]
    problems: list[str] = [] if names else [Message("The change holds no version of any policy.")]
    problems += [
        Message("The change holds {policy} twice.", policy=name)
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    start = draft.draft.effective.start
    if draft.kind == "first_versions":
        problems += first_version_problems(all_activations, versions, start, now)
    elif start <= now:
        problems.append(
            Message("The change asks to be in force from {start}, which has passed.", start=timestamp(start))
        )
    active = all_active_at(ordinary_activations(all_activations), start, now)
    for version in versions if draft.kind != "first_versions" else ():
        if version.policy in active and active[version.policy].digest == version.digest:
            problems.append(
                Message(
                    "{policy} {version} is in force then anyway: there is nothing to change.",
                    policy=version.policy,
                    version=version.version,
                )
            )
        elif draft.kind == "change":
            problems += _version_number_problems(session, version, all_activations)
    problems += _ending_problems(draft, versions, ends)
    problems += _conflicting_changes(session, draft, names, start)
    return problems + new_compatibility_problems(
        session, draft, plan_for_draft(draft, versions, ends), all_activations, now
    )


def plan_for_draft(
    draft: Change, versions: Sequence[Version], ends: Sequence[Version]
) -> tuple[PlannedActivation, ...]:
    """Return the activations that the change would record."""
    return plan_activations(versions, ends, draft.draft.afterwards, draft.draft.effective, draft.kind)


def _ending_problems(draft: Change, versions: Sequence[Version], ends: Sequence[Version]) -> Iterator[str]:
    """Yield the problems of the endings in a draft.

    Governance policies cannot end without a successor, so that the required signers and the reach of one person stay
    defined; `governance/sign_off` cannot end at all, since the service uses it by name.
    """
    active_policies = {version.policy for version in ends}
    successors = {version.policy for version in versions if is_of_governance(version.policy)}
    closed_policies = {version.policy for version in versions} if draft.draft.afterwards == "nothing" else set[str]()
    for name in draft.draft.ends:
        if name not in active_policies:
            yield Message("{policy} is not in force then, so there is nothing to end.", policy=name)
    for name in sorted({*draft.draft.ends, *closed_policies}):
        if name == SIGN_OFF:
            yield Message(
                "{policy} decides who signs: it is followed by its next version, and never ended.", policy=name
            )
        elif is_of_governance(name) and not successors - {name}:
            yield Message(
                "{policy} is a policy of governance: end it in a change that puts its successor in force, another "
                "policy of governance.",
                policy=name,
            )


def _version_number_problems(
    session: Session, version: Version, all_activations: Sequence[Activation]
) -> Iterator[str]:
    """List the problems of a version's number."""
    version_name = {"policy": version.policy, "version": version.version}
    if any(each.digest == version.digest and not each.is_ending for each in all_activations):
        yield Message("{policy} {version} was put in force before: to return to it, roll back.", **version_name)
        return
    rows = registered(session, version.policy)
    if any(row.digest == version.digest for row in rows):
        return  # submitted before, and sent back or withdrawn
    if any(row.version == version.version for row in rows):
        yield Message(
            "{policy} {version} was submitted before with another text, which is never edited: "
            "give this text a higher version.",
            **version_name,
        )
        return
    highest = max((row.version for row in rows), key=version_key, default=None)
    if highest is not None and version_key(version.version) < version_key(highest):
        yield Message(
            "{policy} {version} needs a number above {highest}, the highest that was submitted.",
            **version_name,
            highest=highest,
        )


def _conflicting_changes(
    session: Session, draft: Change, names: Sequence[str], start: datetime.datetime
) -> Iterator[str]:
    """Yield other open changes of one of the policies with the same start."""
    rows = session.exec(
        select(SubmittedVersionRow).where(
            col(SubmittedVersionRow.policy).in_(names),
            SubmittedVersionRow.effective_from == start,
            SubmittedVersionRow.change != draft.id,
        )
    ).all()
    for other in read_changes(session, {row.change for row in rows}):
        if other.submission is None or other.state not in {
            ChangeState.SUBMITTED,
            ChangeState.SIGNED_OFF,
            ChangeState.SCHEDULED,
        }:
            continue
        affected = (*other.submission.versions, *other.submission.ends)
        shared = {version.policy for version in affected} & set(names)
        if other.submission.effective.start == start and shared:
            yield Message(
                "Another change, “{title}” by {author}, is open for {policies} from the same instant.",
                title=other.submission.title,
                author=other.author.printed_name,
                policies=join_comma(sorted(shared)),
            )


def new_compatibility_problems(
    session: Session,
    draft: Change,
    plan: Sequence[PlannedActivation],
    all_activations: Sequence[Activation],
    now: datetime.datetime,
) -> list[str]:
    """List the incompatibilities, at any later instant, that the change's plan would introduce."""
    start, load = draft.draft.effective.start, head_loader(session)
    activations_after = (*all_activations, *proposed_activations(draft.id, plan, now))
    known_problems = set(compatibility_problems(all_activations, start, now, load))
    return [
        problem
        for problem in compatibility_problems(activations_after, start, now, load)
        if problem not in known_problems
    ]
