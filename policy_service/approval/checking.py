"""Checks drafts: the files, the report, and all that would keep a change from being submitted.

This is slow (policies are built and tried), so it happens before the transaction that submits; that one asks the quick
questions again.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from policy_service.actor import Role
from policy_service.analysis.report import analyse
from policy_service.approval.change import Action, Change, State, Version
from policy_service.approval.forecast import Planned, bases, misfits, ordinary, planned, proposed
from policy_service.approval.policies import heads, loader
from policy_service.approval.reach import OVERRIDES, check_overrides
from policy_service.approval.refusals import OutOfState, Refused, Stale, Unfit
from policy_service.approval.signers import SIGN_OFF, Signers, check_sign_off, decides_money, in_force
from policy_service.approval.store import changes_named, read_change
from policy_service.approval.suspension import is_of_governance
from policy_service.approval.tables import SubmittedRow
from policy_service.approval.workflow import can
from policy_service.clock import timestamp
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import version_key
from policy_service.language.policy import Policy
from policy_service.registry.model import Activation, all_active_at, all_nothing_at
from policy_service.registry.service import activations
from policy_service.registry.service import versions as registered
from policy_service.sentences import Sentence, in_turn, listed

STALE = Sentence("The change was altered since you read it: read it again.")


@dataclass(frozen=True, slots=True)
class Checked:
    """What is wrong with a draft, and what its report says as far as there is one."""

    problems: tuple[str, ...]
    """Sentences; none when it could be submitted now."""
    diagnostics: tuple[dict[str, Any], ...]
    """The faults of the policy files, one object a text."""
    report: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"problems": list(self.problems), "diagnostics": list(self.diagnostics), "report": self.report}


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a submission needs, worked out from one state of the draft and of the registry."""

    change: str
    etag: str
    versions: tuple[Version, ...]
    ends: tuple[Version, ...]
    """The policies that it ends, each with the version that would be in force on the day."""
    report: dict[str, Any]
    roles: tuple[Role, ...]
    sign_off: Version
    bases: tuple[Version, ...]


def check_draft(session: Session, change: str, signers: Signers, now: datetime.datetime) -> Checked:
    """What keeps a draft from being submitted. Slow. Raises UnknownChange, OutOfState."""
    try:
        prepared = prepare_submission(session, change, signers, now)
    except Unfit as unfit:
        return Checked(unfit.sentences, unfit.diagnostics, unfit.report)
    return Checked((), (), prepared.report)


def prepare_submission(
    session: Session, change: str, signers: Signers, now: datetime.datetime, *, expected: str | None = None
) -> Prepared:
    """Checks a draft and gathers what a submission needs. Slow.

    Raises UnknownChange, OutOfState, Stale, and Unfit with everything that is wrong.
    """
    draft = read_change(session, change)
    if (possible := can(draft, Action.SUBMIT, now)) is not True:
        raise OutOfState(possible)
    if expected is not None and draft.etag != expected:
        raise Stale(STALE)
    candidates = _candidates(session, draft)
    versions = tuple(Version(policy.id, policy.version, policy.digest) for policy in candidates)
    start = draft.draft.effective.start
    load = loader(session)
    known = activations(session)
    ends = ended(draft, known, now)
    wrong = obstacles(session, draft, versions, ends, now)
    there = {name: load(each.digest) for name, each in all_active_at(ordinary(known), start, now).items()}
    names = draft.draft.ends
    report = analyse(candidates, there, names, all_nothing_at(known, start, now))
    told = report.to_dict()
    wrong += [
        Sentence("{policy}: {found}.", policy=each.policy, found=in_turn((each.says.en, *each.cases)))
        for each in report.errors
    ]
    touched = [*candidates, *(there[each.policy] for each in ends)]
    roles, sign_off = _required(session, draft, touched, there, signers, now, wrong)
    if wrong or sign_off is None:
        raise Unfit(wrong, (), told)
    base = bases(known, versions, start, now, load, names)
    return Prepared(change, draft.etag, versions, ends, told, roles, sign_off, base)


def ended(draft: Change, known: Sequence[Activation], now: datetime.datetime) -> tuple[Version, ...]:
    """The policies that a draft ends and that would be in force on its day, each with its version then."""
    there = all_active_at(ordinary(known), draft.draft.effective.start, now)
    found = (there[name] for name in draft.draft.ends if name in there)
    return tuple(Version(each.policy, each.version, each.digest) for each in found)


def _candidates(session: Session, draft: Change) -> list[Policy]:
    """The policies of a draft. Raises Unfit when a file has faults."""
    load = loader(session)
    if draft.kind == "rollback":
        return [load(version.digest) for version in draft.draft.versions]
    found: list[Policy] = []
    wrong: dict[str, PolicyError] = {}
    for digest in draft.draft.texts:
        try:
            found.append(load(digest))
        except PolicyError as error:
            wrong[digest] = error
    if wrong:
        raise Unfit(
            [fault for error in wrong.values() for fault in error.render().split("\n") if not fault.startswith(" ")],
            [
                {"text": digest, "faults": [fault.to_dict() for fault in error.diagnostics]}
                for digest, error in wrong.items()
            ],
        )
    return found


def _required(  # noqa: PLR0913, PLR0917  # all that decides who must sign
    session: Session,
    draft: Change,
    candidates: Sequence[Policy],
    there: dict[str, Policy],
    signers: Signers,
    now: datetime.datetime,
    wrong: list[str],
) -> tuple[tuple[Role, ...], Version | None]:
    """Who must sign, by which version; what keeps that from being told is added to `wrong`."""
    domains = {policy.domain for policy in candidates}
    plain, paying = ({each.domain for each in candidates if decides_money(each) is pays} for pays in (False, True))
    try:
        sign_off = in_force(session, now)
        says = loader(session)(sign_off.digest)
        roles = signers.required(says, plain, draft.kind, None, now.date(), paying=paying)
        for policy in candidates:
            if policy.id == SIGN_OFF:
                check_sign_off(policy, domains | {each.domain for each in there.values()})
            if policy.id == OVERRIDES:
                check_overrides(policy)
    except Refused as refused:
        wrong.extend(refused.sentences)
        return (), None
    return roles, sign_off


# --------------------------------------------------------------------------------------------- quick questions


def obstacles(
    session: Session, draft: Change, versions: Sequence[Version], ends: Sequence[Version], now: datetime.datetime
) -> list[str]:
    """Why these versions cannot be submitted for the period asked for, as the registry is now: sentences.

    `ends` are the policies that the draft ends and that would be in force then.
    """
    known = activations(session)
    names = [*(version.policy for version in versions), *draft.draft.ends]
    wrong: list[str] = [] if names else [Sentence("The change holds no version of any policy.")]
    wrong += [
        Sentence("The change holds {policy} twice.", policy=name)
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    start = draft.draft.effective.start
    if start <= now:
        wrong.append(Sentence("The change asks to be in force from {start}, which has passed.", start=timestamp(start)))
    there = all_active_at(ordinary(known), start, now)
    for version in versions:
        if version.policy in there and there[version.policy].digest == version.digest:
            wrong.append(
                Sentence(
                    "{policy} {version} is in force then anyway: there is nothing to change.",
                    policy=version.policy,
                    version=version.version,
                )
            )
        elif draft.kind == "change":
            wrong += _number(session, version, known)
    wrong += _ending_faults(draft, versions, ends)
    wrong += _rivals(session, draft, names, start)
    return wrong + new_misfits(session, draft, planned_of(draft, versions, ends), known, now)


def planned_of(draft: Change, versions: Sequence[Version], ends: Sequence[Version]) -> tuple[Planned, ...]:
    """What the change would record of these versions."""
    return planned(versions, ends, draft.draft.afterwards, draft.draft.effective, draft.kind)


def _ending_faults(draft: Change, versions: Sequence[Version], ends: Sequence[Version]) -> Iterator[str]:
    """What is wrong with what a draft ends.

    The policies of governance decide who signs and how far one person reaches: the service asks for
    `governance/sign_off` by its name, and every other needs a successor, so that nothing is left undecided.
    """
    there = {version.policy for version in ends}
    successors = {version.policy for version in versions if is_of_governance(version.policy)}
    over = {version.policy for version in versions} if draft.draft.afterwards == "nothing" else set[str]()
    for name in draft.draft.ends:
        if name not in there:
            yield Sentence("{policy} is not in force then, so there is nothing to end.", policy=name)
    for name in sorted({*draft.draft.ends, *over}):
        if name == SIGN_OFF:
            yield Sentence(
                "{policy} decides who signs: it is followed by its next version, and never ended.", policy=name
            )
        elif is_of_governance(name) and not successors - {name}:
            yield Sentence(
                "{policy} is a policy of governance: end it in a change that puts its successor in force, another "
                "policy of governance.",
                policy=name,
            )


def _number(session: Session, version: Version, known: Sequence[Activation]) -> Iterator[str]:
    """What is wrong with a version's number."""
    name = {"policy": version.policy, "version": version.version}
    if any(each.digest == version.digest and not each.is_nothing for each in known):
        yield Sentence("{policy} {version} was put in force before: to return to it, roll back.", **name)
        return
    rows = registered(session, version.policy)
    if any(row.digest == version.digest for row in rows):
        return  # submitted before, and sent back or withdrawn
    if any(row.version == version.version for row in rows):
        yield Sentence(
            "{policy} {version} was submitted before with another text, which is never edited: "
            "give this text a higher version.",
            **name,
        )
        return
    highest = max((row.version for row in rows), key=version_key, default=None)
    if highest is not None and version_key(version.version) < version_key(highest):
        yield Sentence(
            "{policy} {version} needs a number above {highest}, the highest that was submitted.",
            **name,
            highest=highest,
        )


def _rivals(session: Session, draft: Change, names: Sequence[str], start: datetime.datetime) -> Iterator[str]:
    """Other changes that are open, for one of the policies and the same start."""
    rows = session.exec(
        select(SubmittedRow).where(
            col(SubmittedRow.policy).in_(names),
            SubmittedRow.effective_from == start,
            SubmittedRow.change != draft.id,
        )
    ).all()
    for other in changes_named(session, {row.change for row in rows}):
        if other.submission is None or other.state not in {State.SUBMITTED, State.SIGNED_OFF, State.SCHEDULED}:
            continue
        touched = (*other.submission.versions, *other.submission.ends)
        shared = {version.policy for version in touched} & set(names)
        if other.submission.effective.start == start and shared:
            yield Sentence(
                "Another change, “{title}” by {author}, is open for {policies} from the same instant.",
                title=other.submission.title,
                author=other.author.printed_name,
                policies=listed(sorted(shared)),
            )


def new_misfits(
    session: Session, draft: Change, plan: Sequence[Planned], known: Sequence[Activation], now: datetime.datetime
) -> list[str]:
    """What would no longer fit, at any later instant, if the change did what it plans."""
    start, load = draft.draft.effective.start, heads(session)
    afterwards = (*known, *proposed(draft.id, plan, now))
    before = set(misfits(known, start, now, load))
    return [told for told in misfits(afterwards, start, now, load) if told not in before]
