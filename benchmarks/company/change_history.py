"""Does to changes what their lives say: the actions the service would record, with their rows and entries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchmarks.company.change_plans import ChangePlan, PlannedAction
from benchmarks.company.ledger import Ledger
from benchmarks.company.people import People
from benchmarks.company.texts import policy_name, policy_text
from policy_service.actor import SIGNING_ROLES, Actor, Role
from policy_service.approval.change import (
    Action,
    ActionRecord,
    Change,
    ChangeKind,
    ChangeState,
    Draft,
    Meaning,
    Person,
    Submission,
    Version,
)
from policy_service.approval.store import action_rows
from policy_service.approval.tables import ChangeRow, CommentRow, DraftFileRow, ReportRow, SubmittedVersionRow, TextRow
from policy_service.approval.workflow import apply_action, new_change, next_action
from policy_service.audit.events import (
    ActivationCancelled,
    ActivationRecorded,
    ChangeCancelled,
    ChangeCommented,
    ChangeDrafted,
    ChangeEdited,
    ChangeRejected,
    ChangeScheduled,
    ChangeSignedOff,
    ChangesRequested,
    ChangeSubmitted,
    ChangeWithdrawn,
    Event,
    VersionSubmitted,
)
from policy_service.canonical import digest, digest_of
from policy_service.clock import timestamp, uuid7
from policy_service.registry.model import Activation, ActivationKind, Period
from policy_service.registry.tables import ActivationRow, CancellationRow, VersionRow

REASON = "示例：按季度复核调整限额；reviewed for the quarter"
ROLES_BY_DOMAIN = {"rewards": (Role.FINANCE_DIRECTOR, Role.GENERAL_MANAGER, Role.COMPLIANCE)}
DEFAULT_ROLES = (Role.SALES_DIRECTOR, Role.COMPLIANCE)
ENDINGS = {Action.REQUEST_CHANGES: ChangesRequested, Action.REJECT: ChangeRejected, Action.WITHDRAW: ChangeWithdrawn}


@dataclass(frozen=True, slots=True)
class Report:
    """One analysis report, used for other versions too: analysing ten thousand would take a day."""

    content: bytes
    before: Version
    after: Version

    def of(self, before: Version, after: Version) -> bytes:
        """The report with these versions in it."""
        content = self.content
        for old, new in ((self.before, before), (self.after, after)):
            for old_value, now in ((old.policy, new.policy), (old.version, new.version), (old.digest, new.digest)):
                content = content.replace(f'"{old_value}"'.encode(), f'"{now}"'.encode())
        return content


@dataclass
class ChangeHistory:
    """The changes so far, and what they put in force."""

    ledger: Ledger
    people: People
    sign_off: Version
    report: Report
    in_force: dict[str, list[Activation]]
    """The activations of each policy, in the order of recording."""
    activation_count: int
    """How many activations there are."""
    texts: dict[str, bytes]
    """What was drafted, by its digest."""
    changes: dict[int, Change] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    """The number that a drafted text gives its version, by its digest."""
    minors: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    submitted: set[str] = field(default_factory=set)
    """The digests of the versions that the registry holds."""
    reports: set[str] = field(default_factory=set)
    """The digests of the reports that are kept."""
    count: int = 0
    """Identifiers given so far."""

    def new_id(self, at: datetime) -> str:
        """An identifier nobody has."""
        self.count += 1
        return str(uuid7(int(at.timestamp() * 1_000), self.count))

    def apply(self, plan: ChangePlan, step: PlannedAction) -> None:
        """One step of a life, unless it has become impossible, such as a signature that nobody owes."""
        change = self.changes.get(plan.number)
        match step.action:
            case Action.CREATE:
                self._begin(plan, step.at)
            case Action.EDIT if change is not None and change.state is ChangeState.DRAFT:
                self._edit(plan, change, step.at)
            case Action.COMMENT if change is not None:
                self._comment(change, step.at)
            case Action.SUBMIT if change is not None:
                self._submit(plan, change, step.at)
            case Action.SIGN_OFF if change is not None and change.state is ChangeState.SUBMITTED:
                self._sign(plan, change, step.at)
            case Action.SCHEDULE if change is not None and change.state is ChangeState.SIGNED_OFF:
                self._schedule(plan, change, step.at)
            case Action.CANCEL if change is not None and change.state is ChangeState.SCHEDULED:
                self._cancel(plan, change, step.at)
            case Action.REQUEST_CHANGES | Action.REJECT | Action.WITHDRAW if change is not None:
                self._end(plan, change, step)
            case _:
                return

    # drafting

    def _begin(self, plan: ChangePlan, at: datetime) -> None:
        author = self.people.authors[plan.number % len(self.people.authors)]
        id_ = self.new_id(at)
        versions = self._previous_version(plan.policy, at) if plan.kind == "rollback" else ()
        kind: ChangeKind = "rollback" if versions else "change"
        self.ledger.add(ChangeRow(id=id_, kind=kind, author=author.id, created_at=at))
        draft = self._draft(plan, versions, 1)
        acted = ActionRecord(1, Action.CREATE, Person.of(author), at, draft=draft)
        self._store(plan, new_change(id_, kind, acted), acted)
        self.ledger.append(at, author, ChangeDrafted(id_, draft.title))

    def _draft(self, plan: ChangePlan, versions: tuple[Version, ...], number: int) -> Draft:
        name = policy_name(plan.policy)
        title = f"调整 {name} 第 {plan.number} 次 / adjustment {plan.number} of {name}"
        effective = Period(plan.effective)
        if versions:
            return Draft(title, REASON, effective, (), versions)
        self.minors[plan.policy] += 1
        minor = self.minors[plan.policy]
        text = policy_text(plan.policy, minor, number)
        text_digest = digest(text)
        self.texts[text_digest], self.versions[text_digest] = text, f"1.{minor}.0"
        self.ledger.add(TextRow(digest=text_digest, content=text))
        return Draft(title, REASON, effective, (text_digest,))

    def _previous_version(self, policy: int, at: datetime) -> tuple[Version, ...]:
        """A version that was in force before the one that is now."""
        started = [each for each in self.in_force[policy_name(policy)] if each.effective.start <= at]
        return tuple(Version(each.policy, each.version, each.digest) for each in started[-2:-1])

    def _edit(self, plan: ChangePlan, change: Change, at: datetime) -> None:
        by = self._author(change)
        draft = self._draft(plan, change.draft.versions, len(change.actions) + 1)
        edited = self._act(plan, change, Action.EDIT, by, at, draft=draft)
        self.ledger.append(at, by, ChangeEdited(change.id, edited.revision, digest_of(draft.to_dict())))

    def _comment(self, change: Change, at: datetime) -> None:
        by = self.people.signers[Role.COMPLIANCE][0]
        row = CommentRow(
            id=self.new_id(at),
            change=change.id,
            actor=by.id,
            actor_name=by.name,
            printed_name=by.printed_name,
            at=at,
            text="请说明限额的依据 / what is the limit based on?",
        )
        self.ledger.add(row)
        self.ledger.append(at, by, ChangeCommented(change.id, row.text))

    # review

    def _submit(self, plan: ChangePlan, change: Change, at: datetime) -> None:
        by = self._author(change)
        versions = change.draft.versions or self._register(plan, change, by, at)
        domain = versions[0].policy.partition("/")[0]
        roles = tuple(role for role in SIGNING_ROLES if role in ROLES_BY_DOMAIN.get(domain, DEFAULT_ROLES))
        bases = self._bases(versions[0].policy, change.draft.effective.start)
        report = self.report.of(bases[0], versions[0])
        if digest(report) not in self.reports:
            self.reports.add(digest(report))
            self.ledger.add(ReportRow(digest=digest(report), content=report))
        submission = Submission(
            number=1 + sum(acted.action is Action.SUBMIT for acted in change.actions),
            kind=change.kind,
            title=change.draft.title,
            reason=change.draft.reason,
            versions=versions,
            effective=change.draft.effective,
            report=digest(report),
            simulation=None,
            population=None,
            roles=roles,
            sign_off=self.sign_off,
            bases=bases,
        )
        number = len(change.actions) + 1
        submission_digest = submission.digest(change.id)
        self._act(plan, change, Action.SUBMIT, by, at, submission=submission, digest=submission_digest)
        start = change.draft.effective.start
        for version in versions:
            self.ledger.add(
                SubmittedVersionRow(change=change.id, number=number, policy=version.policy, effective_from=start)
            )
        self.ledger.append(at, by, ChangeSubmitted(change.id, submission_digest, roles))

    def _register(self, plan: ChangePlan, change: Change, by: Actor, at: datetime) -> tuple[Version, ...]:
        """The version of a draft, which the registry holds from now on."""
        text_digest = change.draft.texts[0]
        number = self.versions[text_digest]
        if text_digest not in self.submitted:
            self.submitted.add(text_digest)
            identity = {"policy": policy_name(plan.policy), "version": number, "digest": text_digest}
            row = {
                **identity,
                "content": self.texts[text_digest],
                "recorded_at": at,
                "submitted_by": by.id,
                "change": change.id,
            }
            self.ledger.put(VersionRow, row)
            self.ledger.append(at, by, VersionSubmitted(**identity, change=change.id))
        return (Version(policy_name(plan.policy), number, text_digest),)

    def _bases(self, policy: str, start: datetime) -> tuple[Version, ...]:
        covering = [each for each in self.in_force[policy] if each.effective.covers(start)]
        last = max(covering, key=lambda each: (each.effective.start, each.seq))
        return (Version(last.policy, last.version, last.digest),)

    def _sign(self, plan: ChangePlan, change: Change, at: datetime) -> None:
        role, digest_ = change.missing_roles[0], str(change.digest)
        by = self._holder(role, plan)
        details: dict[str, Any] = {"role": role, "digest": digest_, "meaning": Meaning.APPROVED, "reason": "符合制度"}
        self._act(plan, change, Action.SIGN_OFF, by, at, **details)
        event = ChangeSignedOff(change.id, digest_, role, by.printed_name, Meaning.APPROVED, "符合制度")
        self.ledger.append(at, by, event)

    def _end(self, plan: ChangePlan, change: Change, step: PlannedAction) -> None:
        by = self._author(change) if step.action is Action.WITHDRAW else self._holder(Role.COMPLIANCE, plan)
        self._act(plan, change, step.action, by, step.at, reason=REASON)
        self.ledger.append(step.at, by, ENDINGS[step.action](change.id, REASON))

    # putting in force

    def _schedule(self, plan: ChangePlan, change: Change, at: datetime) -> None:
        by, submission = self._author(change), change.frozen_submission
        kind = ActivationKind.ROLLBACK if change.kind == "rollback" else ActivationKind.CHANGE
        for version in submission.versions:
            self.activation_count += 1
            activation = Activation(
                seq=self.activation_count,
                id=self.new_id(at),
                policy=version.policy,
                version=version.version,
                digest=version.digest,
                kind=kind,
                effective=submission.effective,
                recorded_at=at,
                change=change.id,
            )
            self.in_force[version.policy].append(activation)
            self.ledger.put(ActivationRow, _activation_row(activation))
            start = timestamp(activation.effective.start)
            event: Event = ActivationRecorded(
                version.policy, version.version, version.digest, activation.id, kind, start, None, change.id
            )
            self.ledger.append(at, by, event)
        self._act(plan, change, Action.SCHEDULE, by, at, digest=change.digest)
        start = timestamp(submission.effective.start)
        self.ledger.append(at, by, ChangeScheduled(change.id, str(change.digest), start, None))

    def _cancel(self, plan: ChangePlan, change: Change, at: datetime) -> None:
        by = self._author(change)
        for version in change.frozen_submission.versions:
            each = next(each for each in reversed(self.in_force[version.policy]) if each.change == change.id)
            start = timestamp(each.effective.start)
            self.in_force[version.policy].remove(each)
            self.ledger.add(CancellationRow(activation=each.id, recorded_at=at))
            self.ledger.append(at, by, ActivationCancelled(each.policy, each.version, each.id, start, change.id))
        self._act(plan, change, Action.CANCEL, by, at, reason=REASON)
        self.ledger.append(at, by, ChangeCancelled(change.id, REASON))

    # the parts

    def _author(self, change: Change) -> Actor:
        return next(actor for actor in self.people.authors if actor.id == change.author.id)

    def _holder(self, role: Role, plan: ChangePlan) -> Actor:
        holders = self.people.signers[role]
        return holders[plan.number % len(holders)]

    def _act(self, plan: ChangePlan, change: Change, action: Action, by: Actor, at: datetime, **details: Any) -> Change:  # noqa: ANN401  # members of an action
        action_record = next_action(change, action, by, at, **details)
        updated = apply_action(change, action_record)
        self._store(plan, updated, action_record)
        return updated

    def _store(self, plan: ChangePlan, change: Change, action_record: ActionRecord) -> None:
        self.changes[plan.number] = change
        for row in action_rows(change.id, action_record):
            self.ledger.add(row)
        for text in action_record.draft.texts if action_record.draft else ():
            self.ledger.add(
                DraftFileRow(digest=text, change=change.id, number=action_record.number, actor=action_record.by.id)
            )


def _activation_row(activation: Activation) -> dict[str, Any]:
    """The values of its row."""
    columns = {
        name: getattr(activation, name)
        for name in ("seq", "id", "policy", "version", "digest", "recorded_at", "change")
    }
    start, until = activation.effective.start, activation.effective.until
    return {**columns, "kind": activation.kind, "effective_from": start, "effective_until": until, "suspension": None}
