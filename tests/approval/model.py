"""A stateful model of changes, suspensions and overrides: people do whatever they like, the laws hold all the same.

    python -m tests.approval.model --steps 20000 [--backend sqlite|postgresql]

The laws are read out of the rows, by other code than the service's:

- nothing is in force but what was imported, or what all who must have signed, on the very digest of what was submitted;
- nobody signed twice, or in a role they did not hold, or what they wrote: in that change or any other, by meaning;
- when a change is scheduled, everybody whose signature it needs has an enabled account and the role, attested;
- a suspension falls back to what nobody took out since and the director did not write, or to nothing;
- at every instant each policy has a version in force, is stopped or was ended, as a simple calendar says;
- no row is ever altered, and a change is edited only while it is a draft;
- what was refused left nothing behind;
- an override applies for a short time by a rule of governance, or was signed by all who must (`excepting.py`).
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import col, func, select

from policy_service.actor import SERVICE, SIGNING_ROLES, Actor, Role
from policy_service.analysis.report import Report
from policy_service.approval import draft_check
from policy_service.approval import service as approval
from policy_service.approval.service import Change, Meaning, OperationRejected, PreparedSubmission
from policy_service.approval.tables import ActionRow
from policy_service.database import Lane, Transaction
from policy_service.decisions.override_store import OverrideRejected
from policy_service.identity.service import enable, read_account
from policy_service.registry.model import Period, active_at, ending_at, next_boundary
from policy_service.registry.service import activations
from tests.approval.excepting import DONE, SEEN, Excepting, own
from tests.approval.laws import (
    BY_ID,
    ROWS,
    Emergency,
    calendar,
    falls_back_rightly,
    held_by,
    nothing_was_altered,
    was_signed,
    wrote_nothing,
)
from tests.approval.strategies import HIRED, POLICIES, authors, deciders, minutes, people, roles, texts, which
from tests.approval.world import (
    ANN,
    BONUS,
    COMPLIANCE,
    FINANCE,
    GENERAL,
    PEOPLE,
    SALES,
    SIGN_OFF,
    SIGNERS,
    TIER,
    World,
    tier,
    world,
)
from tests.databases import BACKENDS, START


class Approval(Excepting):
    """People, a clock, and whatever they do."""

    backend = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.made: World = self.stack.enter_context(world(self.backend))
        # Building and trying every candidate is tested elsewhere, and slow.
        self.stack.enter_context(mock.patch.object(draft_check, "analyse", return_value=Report((), (), ())))
        for actor in PEOPLE:
            self.made.hire(actor)
        self.altered: set[Actor] = set()
        self.emergencies: dict[str, Emergency] = {}
        self.changes: list[str] = []
        self.rows: dict[str, set[str]] = {}

    def teardown(self) -> None:
        self.stack.close()

    # doing

    @property
    def now(self) -> datetime:
        """The instant of the record, which may be ahead of the clock."""
        with self.made.database.read() as session:
            latest: list[datetime] = [lane.at for lane in session.exec(select(Lane))]
        return max(self.made.now, *latest)

    def attempt(self, name: str, act: Callable[..., Any], actor: Actor, *arguments: object, **value: object) -> Any:  # noqa: ANN401  # what the act gives
        """Does something that may be refused; then nothing must have been left behind."""
        before, present = self._count(), self.present(actor)
        if present is None:
            DONE[f"{name}: no account"] += 1
            return None
        try:
            with self.made.database.write(self.made.clock) as transaction:
                done = act(transaction, present, *arguments, **value)
        except (OperationRejected, OverrideRejected) as refused:
            message = str(refused)
        else:
            DONE[name] += 1
            return done
        assert message, name
        assert self._count() == before
        DONE[f"{name}: refused"] += 1
        return None

    def _count(self) -> tuple[int, ...]:
        with self.made.database.read() as session:
            return tuple(session.exec(select(func.count()).select_from(table)).one() for table in ROWS)

    def _prepare(self, transaction: Transaction, _: Actor, change: str) -> PreparedSubmission:
        return approval.prepare_submission(transaction.session, change, SIGNERS, transaction.now)

    def present(self, actor: Actor) -> Actor | None:
        """Who acts, as the account is now; None when it lets nobody in."""
        if actor.kind != "person":
            return actor
        with self.made.database.read() as session:
            account = read_account(session, actor.id)
        return account.actor(actor.confirmed_at) if account.enabled else None

    def fresh(self, actor: Actor) -> Actor:
        return replace(actor, confirmed_at=self.now)

    def read(self, pick: int) -> Change:
        """One of the latest changes."""
        with self.made.database.read() as session:
            return approval.read_change(session, self.changes[-1 - pick % len(self.changes)])

    def _emergency(self, pick: int) -> Emergency | None:
        latest = list(self.emergencies.values())[::-1]
        return latest[pick // 2 % len(latest)] if latest else None

    @initialize()
    def begin(self) -> None:
        """A second version is in force, and a third is drafted."""
        self.create(ANN, [tier("1.1.0")], 60, None)
        self.propose(0, ANN, 60, signatures=4)
        self.wait_for_the_next_change()
        self.create(ANN, [tier("1.2.0")], 600, None)

    @rule(by=authors, chosen=st.lists(texts, min_size=1, max_size=2), ahead=minutes, lasts=st.none() | minutes)
    def create(self, by: Actor, chosen: list[bytes], ahead: int, lasts: int | None) -> None:
        period = self._period(ahead, lasts)
        arguments = {"title": "t", "reason": "r", "effective": period, "texts": chosen}
        change = self.attempt("create", approval.create, by, **arguments)
        self.changes += [change.id] if change else []

    @rule(by=authors, minor=st.integers(0, 12), ahead=minutes, lasts=st.none() | minutes)
    def rollback(self, by: Actor, minor: int, ahead: int, lasts: int | None) -> None:
        period = self._period(ahead, lasts)
        arguments = {"title": "t", "reason": "r", "effective": period, "versions": [(TIER, f"1.{minor}.0")]}
        change = self.attempt("rollback", approval.rollback, by, **arguments)
        self.changes += [change.id] if change else []

    @rule(by=authors, ahead=minutes, lasts=st.none() | minutes)
    def end_policy(self, by: Actor, ahead: int, lasts: int | None) -> None:
        """Drafts the ending of the policy that no other takes anything of."""
        arguments = {"title": "t", "reason": "r", "effective": self._period(ahead, lasts), "ends": [BONUS]}
        change = self.attempt("draft an ending", approval.create, by, **arguments)
        self.changes += [change.id] if change else []

    @rule(pick=which, by=authors, chosen=st.lists(texts, max_size=2), ahead=minutes)
    def edit(self, pick: int, by: Actor, chosen: list[bytes], ahead: int) -> None:
        seen = self.read(pick)
        arguments = {"title": "t", "reason": "r", "effective": self._period(ahead, None), "texts": chosen}
        done = self.attempt("edit", approval.edit, by, seen.id, expected=seen.etag, **arguments)
        assert done is None or seen.state == "draft"

    @rule(pick=which, by=deciders, ahead=st.integers(60, 4_000), signatures=st.integers(0, 4))
    def propose(self, pick: int, by: Actor, ahead: int, *, signatures: int) -> None:
        """What usually happens, as far as it goes: submitted, signed by some or all, scheduled."""
        seen = self.read(pick)
        author = BY_ID[seen.author.id]
        if seen.state == "draft" and seen.draft.effective.start <= self.now and seen.draft.texts:
            self.edit(pick, author, self._texts(seen), ahead)
        self.submit(pick, author)
        for actor, role in zip((SALES, FINANCE, GENERAL, COMPLIANCE)[:signatures], SIGNING_ROLES, strict=False):
            if role in self.read(pick).missing_roles:
                self.sign(pick, actor, role, fresh=True, stale=False)
        self.schedule(pick, by)

    @rule(pick=which, by=authors)
    def submit(self, pick: int, by: Actor) -> None:
        seen = self.read(pick)

        def submit(transaction: Transaction, actor: Actor) -> Change:
            assert prepared is not None
            return approval.submit(transaction, actor, prepared, expected=seen.etag)

        prepared = self.attempt("prepare", self._prepare, by, seen.id)
        if prepared is not None:
            self.attempt("submit", submit, by)

    @rule(pick=which, by=people, role=roles, fresh=st.booleans(), stale=st.booleans())
    def sign(self, pick: int, by: Actor, role: Role, *, fresh: bool, stale: bool) -> None:
        seen = self.read(pick)
        digests = [acted.digest for acted in seen.actions if acted.digest]
        digest = (digests[0] if stale and digests else seen.digest) or "sha256:0"
        actor = self.fresh(by) if fresh else by
        arguments = {"role": role, "digest": digest, "meaning": Meaning.APPROVED, "reason": "r"}
        done = self.attempt("sign", approval.sign_off, actor, seen.id, **arguments)
        if done is not None:
            assert fresh
            assert by.kind == "person"
            assert digest == seen.digest
            assert self.holds(by.id, role)
            self._law(wrote_nothing, done.id, signer=by.id)

    @rule(pick=which, by=people)
    def schedule(self, pick: int, by: Actor) -> None:
        seen = self.read(pick)
        if self.attempt("schedule", approval.schedule, by, seen.id, expected=seen.etag) is not None:
            owed = dict.fromkeys(seen.frozen_submission.roles, False)
            for signature in seen.signatures:
                if signature.role is not None and self.holds(signature.by.id, signature.role):
                    with suppress(AssertionError):
                        self._law(wrote_nothing, seen.id, signer=signature.by.id)
                        owed[signature.role] = True
            assert all(owed.values()), owed

    def holds(self, account: str, role: Role) -> bool:
        """Return True if somebody has an enabled account with the role, attested, by the rows."""
        with self.made.database.read() as session:
            return held_by(session, account, role)

    def _law(self, law: Callable[..., None], *arguments: object, **value: object) -> None:
        with self.made.database.read() as session:
            law(session, *arguments, **value)

    @rule(by=st.sampled_from(HIRED), held=st.sets(st.sampled_from((Role.AUTHOR, *SIGNING_ROLES)), max_size=2))
    def change_roles(self, by: Actor, held: set[Role]) -> None:
        if self.present(by) is not None:
            self.made.employ(by, *held)
            self.altered.add(by)
            DONE["roles are changed"] += 1

    @rule(by=st.sampled_from(HIRED), how=st.sampled_from(["disabled", "not attested"]))
    def lose(self, by: Actor, how: str) -> None:
        (self.made.dismiss if how == "disabled" else self.made.withdraw_attestation)(by)
        self.altered.add(by)
        DONE[f"an account is {how}"] += 1

    @precondition(lambda self: bool(self.altered))
    @rule()
    def restore(self) -> None:
        """Everybody has the account and the roles of the beginning again."""
        while self.altered:
            actor = self.altered.pop()
            with self.made.database.write(self.made.clock) as transaction:
                enable(transaction, SERVICE, actor.id)
            self.made.employ(actor, *actor.roles)
        DONE["accounts are restored"] += 1

    @rule(pick=which, by=deciders, how=st.sampled_from(["request_changes", "reject", "withdraw", "cancel"]))
    def turn_back(self, pick: int, by: Actor, how: str) -> None:
        seen = self.read(pick)
        self.attempt(how, getattr(approval, how), by, seen.id, reason="r", expected=seen.etag)

    @rule(pick=which, by=people)
    def comment(self, pick: int, by: Actor) -> None:
        self.attempt("comment", approval.comment, by, self.read(pick).id, "well")

    @rule(by=deciders, role=roles, policy=st.sampled_from((TIER, TIER, TIER, BONUS, SIGN_OFF)))
    def suspend(self, by: Actor, role: Role, policy: str) -> None:
        role = own(by, role)
        version = self.made.version(policy, self.now) or "1.0.0"
        arguments = {"policy": policy, "version": version, "role": role, "reason": "r"}
        done = self.attempt("suspend", approval.suspend, self.fresh(by), **arguments)
        if done is not None:
            self._law(falls_back_rightly, done.id, known=self.made.activations())
            until = done.signature.at + timedelta(hours=72)
            self.emergencies[done.id] = Emergency(done.id, policy, done.fallback, done.signature.at, until)

    @rule(pick=which, by=deciders, role=roles)
    def ratify(self, pick: int, by: Actor, role: Role) -> None:
        if result := self._emergency(pick):
            done = self.attempt("ratify", approval.ratify, self.fresh(by), result.id, role=own(by, role), reason="r")
            if done is not None:
                assert done.signature.by.id != by.id
                self.emergencies[result.id] = replace(result, until=result.at + timedelta(days=30))

    @rule(pick=which, by=deciders, role=roles)
    def end(self, pick: int, by: Actor, role: Role) -> None:
        if result := self._emergency(pick):
            act = approval.end_suspension
            if self.attempt("end", act, self.fresh(by), result.id, role=own(by, role), reason="r") is not None:
                self.emergencies[result.id] = replace(result, until=self.now)

    @rule()
    def wait_for_the_next_change(self) -> None:
        """Until something that is scheduled has begun."""
        with self.made.database.read() as session:
            start = next_boundary(activations(session), self.now, self.now)
        if start is not None:
            self.made.clock.at = start + timedelta(minutes=1)
        DONE["the next change begins"] += 1

    @rule(by=st.one_of(st.integers(-600, 600), st.integers(1_000, 6_000)))
    def move(self, by: int) -> None:
        self.made.move(minutes=by)
        DONE["the clock is moved"] += 1

    def _period(self, ahead: int, lasts: int | None) -> Period:
        start = self.now + timedelta(minutes=ahead)
        return Period(start, start + timedelta(minutes=abs(lasts) + 1) if lasts is not None else None)

    def _texts(self, change: Change) -> list[bytes]:
        with self.made.database.read() as session:
            return [approval.read_text(session, digest) for digest in change.draft.texts]

    # the laws

    @invariant()
    def the_laws_hold(self) -> None:
        now = self.now
        with self.made.database.read() as session:
            nothing_was_altered(self.rows, session)
            known = activations(session)
            actions: dict[str, list[ActionRow]] = {}
            for action in session.exec(select(ActionRow).order_by(col(ActionRow.change), col(ActionRow.number))):
                actions.setdefault(action.change, []).append(action)
        for each in known:
            if each.kind in {"change", "rollback", "ending"}:
                was_signed(each, actions[str(each.change)])
        ends = {end for each in known for end in (each.effective.start, each.effective.until) if end and end >= START}
        for policy in POLICIES:
            for instant in ends:
                ended = ending_at(known, policy, instant, now) if policy == BONUS else None
                assert ended or active_at(known, policy, instant, now) is not None, (policy, instant)
            active = active_at(known, policy, now, now)
            version = active.version if active is not None and not active.is_stop else None
            assert version == calendar(known, self.emergencies.values(), policy, now), policy


def run(steps: int, backend: str, examples: int | None = None) -> int:
    """Runs the model for at least so many steps; gives how many there were."""
    before = sum(DONE.values())
    Approval.backend = backend
    chosen = settings(
        max_examples=examples or max(1, steps // 50),
        stateful_step_count=50,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    while sum(DONE.values()) - before < steps:
        run_state_machine_as_test(Approval, settings=chosen)
    return sum(DONE.values()) - before


def main(arguments: Sequence[str]) -> int:
    """Runs the model on demand and tells what was done."""
    parser = argparse.ArgumentParser(
        description="Runs the model, in portions: what fails is told, and the rest is run."
    )
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--backend", choices=BACKENDS, default="sqlite")
    options = parser.parse_args(arguments)
    done = failures = 0
    while done < options.steps:
        try:
            run(min(2_000, options.steps - done), options.backend)
        except Exception:  # noqa: BLE001  # a law that does not hold, or a fault
            failures += 1
            traceback.print_exc()
        done = max(done + 1, sum(DONE.values()))
        sys.stderr.write(f"{done:,} steps, {failures} failures\n")
    for name, count in (*sorted(DONE.items()), *sorted(SEEN.items())):
        sys.stdout.write(f"{count:8,}  {name}\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
