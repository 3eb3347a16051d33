"""The part of the model that is about overrides: recorded, signed and ended by whoever, while people come and go.

The law, read out of the rows: an override that applies

- was signed in every role that signs a change of its policy, by as many people, who recorded it among them; each had
  an enabled account and the role, attested, when the last of them signed; or
- was recorded less than three days ago under `governance/overrides`, for a subject that nobody had excepted from the
  policy alone within the thirty days before;

and one that all have signed applies, until its end or until somebody ends it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from policy_service.actor import SIGNING_ROLES, Actor, Role
from policy_service.approval.governance_facts import governing_version
from policy_service.approval.override_authority import OVERRIDES
from policy_service.database import Transaction
from policy_service.decisions.override import Override
from policy_service.decisions.override_store import OverrideCache, end_override, read_overrides
from policy_service.decisions.state_tables import OverrideEndRow
from policy_service.overrides.service import (
    OverrideRequest,
    PreparedOverride,
    prepare_override,
    record_override,
    sign_override,
)
from policy_service.overrides.signature_validity import read_with_signature_validity, with_signature_validity
from policy_service.shipped import shipped_policies
from policy_service.subject import Subject
from tests.approval.laws import applies_alone, held_by, owing
from tests.approval.world import (
    ANN,
    BONUS,
    BOTH,
    COMPLIANCE,
    FINANCE,
    GENERAL,
    PEOPLE,
    SALES,
    SIGNERS,
    TIER,
    WRITING_DIRECTOR,
    World,
)

REACH = (shipped_policies() / OVERRIDES / "1.0.0.yaml").read_bytes()
DONE: Counter[str] = Counter()
"""What was done and refused, over all runs."""
SEEN: Counter[str] = Counter()
"""What each case led to, so that a law that was never put to the test is noticed."""
SUBJECTS = (Subject("C1"), Subject("C2"))
INSTEAD = {TIER: {"size": "small"}, BONUS: {"bonus": 7}}

HOLDERS = {role: [each for each in PEOPLE if role in each.roles and each.kind == "person"] for role in SIGNING_ROLES}

directors = st.sampled_from((SALES, FINANCE, GENERAL, BOTH, WRITING_DIRECTOR, COMPLIANCE))
which = st.integers(0, 2)


class Excepting(RuleBasedStateMachine):
    """People who except subjects from the policies, and the law of it."""

    made: World
    attempt: Callable[..., Any]
    fresh: Callable[[Actor], Actor]
    create: Callable[..., None]
    propose: Callable[..., None]
    holds: Callable[[str, Role], bool]
    lose: Callable[..., None]
    wait_for_the_next_change: Callable[[], None]

    @property
    def now(self) -> datetime:
        """The instant of the record."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.overrides: list[str] = []
        self.ratified: set[str] = set()
        self.book = OverrideCache()

    @precondition(lambda self: not self.has_reach)
    @rule()
    def put_reach_in_force(self) -> None:
        """A change puts the shipped `governance/overrides` in force, if those who must sign are there."""
        self.create(ANN, [REACH], 60, None)
        self.propose(0, ANN, 60, signatures=4)
        self.wait_for_the_next_change()

    @property
    def has_reach(self) -> bool:
        """Return True if `governance/overrides` is in force."""
        with self.made.database.read() as session:
            return governing_version(session, OVERRIDES, self.now) is not None

    @rule(
        by=directors,
        role=st.sampled_from(SIGNING_ROLES),
        subject=st.sampled_from(SUBJECTS),
        policy=st.sampled_from((TIER, BONUS, BONUS)),
        days=st.sampled_from((2, 20, 20, 60)),
        signatures=st.integers(0, 6),
        first=st.integers(0, 3),
        leaves=st.booleans(),
    )
    def record(  # what an override says, and who signs it right after
        self,
        by: Actor,
        role: Role,
        subject: Subject,
        policy: str,
        days: int,
        signatures: int,
        first: int,
        *,
        leaves: bool,
    ) -> None:
        role = own(by, role)
        until = self.now + timedelta(days=days)
        request = OverrideRequest(subject, policy, INSTEAD[policy], role, "r", until)

        def prepare(transaction: Transaction, actor: Actor) -> PreparedOverride:
            return prepare_override(transaction.session, SIGNERS, actor, request, transaction.now)

        prepared = self.attempt("prepare an override", prepare, self.fresh(by))
        if prepared is not None:
            done = self.attempt("record an override", record_override, self.fresh(by), prepared)
            if done is not None:
                self.overrides.append(done.id)
                self.countersign_in_turn(0, signatures, first, leaves=leaves)

    @precondition(lambda self: bool(self.overrides))
    @rule(pick=which, by=st.sampled_from(PEOPLE), role=st.sampled_from(SIGNING_ROLES), fresh=st.booleans())
    def countersign(self, pick: int, by: Actor, role: Role, *, fresh: bool) -> None:
        """Somebody signs in some role."""
        seen = self._seen(pick)
        actor = self.fresh(by) if fresh else by
        arguments = {"role": role, "digest": seen.digest, "reason": "r"}
        done = self.attempt("sign an override", sign_override, actor, seen.id, **arguments)
        if done is None:
            return
        assert fresh
        assert by.kind == "person"
        with self.made.database.read() as session:
            assert held_by(session, by.id, role)
            owed = owing(session, done.id, done.digest)
        assert (done.ratified_at is not None) == (not owed), owed
        SEEN["a signature on an override is given again"] += role in seen.void_roles
        SEEN["an override is signed by all"] += done.ratified_at is not None
        self.ratified |= {done.id} if done.ratified_at else set()

    @precondition(lambda self: bool(self.overrides))
    @rule(pick=which, signatures=st.integers(1, 6), first=st.integers(0, 3), leaves=st.booleans())
    def countersign_in_turn(self, pick: int, signatures: int, first: int, *, leaves: bool) -> None:
        """What usually happens: those who may have to sign do, in some order; one of them may leave right after."""
        for number in range(first, first + signatures):
            seen = self._seen(pick)
            signed = {seen.actor, *(each.actor for each in seen.signatures)}
            able = [
                (actor, role) for role in map(Role, seen.signers) for actor in HOLDERS[role] if actor.id not in signed
            ]
            able = [(actor, role) for actor, role in able if self.holds(actor.id, role)]
            if not able:
                return
            actor, role = able[number % len(able)]
            self.countersign(pick, actor, role, fresh=True)
            if leaves and number == first:
                self.lose(actor, "disabled")

    @precondition(lambda self: bool(self.overrides))
    @rule(pick=which, by=directors, role=st.sampled_from(SIGNING_ROLES))
    def end_one(self, pick: int, by: Actor, role: Role) -> None:
        seen = self._seen(pick)
        self.attempt("end an override", end_override, self.fresh(by), seen.id, role=own(by, role), reason="r")

    def _seen(self, pick: int) -> Override:
        """One of the latest overrides."""
        with self.made.database.read() as session:
            return read_with_signature_validity(session, self.overrides[-1 - pick % len(self.overrides)], self.now)

    @invariant()
    def overrides_apply_as_they_were_signed(self) -> None:
        now = self.now
        with self.made.database.read() as session:
            self.book.refresh(session)
            active = {each.id for of in SUBJECTS for each in self.book.active_overrides(of, now).values()}
            every = with_signature_validity(session, [each for _, each in read_overrides(session)], now)
            for each in every:
                ended = session.get(OverrideEndRow, each.id) is not None or now >= each.until
                if each.id in active:
                    assert not ended
                    if each.id not in self.ratified:
                        applies_alone(session, each.id, now, self.ratified)
                else:
                    assert ended or each.id not in self.ratified
                if each.state(now) in {"provisional", "waiting"}:
                    signed = {each.actor: each.role, **{one.actor: one.role for one in each.signatures}}
                    lost = {actor for actor, role in signed.items() if not held_by(session, actor, role)}
                    assert set(each.void) == lost
                SEEN["an override is seen: " + each.state(now)] += 1


def own(actor: Actor, role: Role) -> Role:
    """The role, or one that the actor holds when this one would be refused anyway."""
    return next((each for each in (role, *SIGNING_ROLES) if each in actor.roles), role)
