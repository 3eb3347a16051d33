"""A small company: a few people, two policies in force, and who must sign; with short ways to move a change along."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal

from sqlmodel import func, select

from policy_service.actor import SERVICE, SIGNING_ROLES, Actor, Role
from policy_service.approval import service as approval
from policy_service.approval.service import Afterwards, Change, EffectReader, GovernanceEvaluator, Meaning
from policy_service.audit.events import AccountCreated
from policy_service.audit.log import append
from policy_service.database import Database
from policy_service.identity.service import attest, change_roles, disable, enable, set_password
from policy_service.identity.tables import AccountChangeRow, AccountRow
from policy_service.registry.model import Activation, ActivationKind, Period, active_at
from policy_service.registry.service import activate, activations, read_version, record_version
from policy_service.shipped import shipped_policies
from tests.databases import START, TestClock, copied

TIER, BONUS, SIGN_OFF = "tiering/size", "rewards/bonus", "governance/sign_off"
DAY = timedelta(days=1)


def person(name: str, *roles: Role, kind: Literal["person", "machine", "service"] = "person") -> Actor:
    return Actor(f"id-{name}", name, name.title(), frozenset(roles), kind)


ANN, BEN = person("ann", Role.AUTHOR), person("ben", Role.AUTHOR)
SALES, FINANCE = person("sales", Role.SALES_DIRECTOR), person("finance", Role.FINANCE_DIRECTOR)
GENERAL, COMPLIANCE = person("general", Role.GENERAL_MANAGER), person("compliance", Role.COMPLIANCE)
ADMINISTRATOR = person("administrator", Role.ADMINISTRATOR)
MACHINE = person("machine", *Role, kind="machine")
BOTH = person("both", Role.SALES_DIRECTOR, Role.COMPLIANCE)
WRITING_DIRECTOR = person("writing", Role.AUTHOR, Role.SALES_DIRECTOR)
PEOPLE = (ANN, BEN, SALES, FINANCE, GENERAL, COMPLIANCE, ADMINISTRATOR, MACHINE, BOTH, WRITING_DIRECTOR)


def tier(version: str, limit: int = 100, *, words: str = "[big, small]", note: str = "") -> bytes:
    """A version of the tiering policy."""
    return f"""# {note}
policy: {TIER}
version: {version}
title: {{zh: 规模, en: size}}
subject: customer
facts:
  orders: {{type: integer, min: 0, max: 1000000, title: {{zh: 订单, en: orders}}}}
outcome:
  size: {{type: choice, of: {words}, title: {{zh: 规模, en: size}}}}
table:
  hit: UNIQUE
  inputs: [orders]
  rows:
    - {{id: big, when: [">= {limit}"], then: [big], because: {{zh: 多, en: many}}}}
    - {{id: small, when: ["< {limit}"], then: [small], because: {{zh: 少, en: few}}}}
examples:
  - {{name: many, facts: {{orders: {limit}}}, outcome: {{size: big}}, rule: big}}
""".encode()


def bonus(version: str, amount: int = 10, *, of: str = "[big, small]", expected: int | None = None) -> bytes:
    """A version of the rewards policy, which takes the tier."""
    return f"""
policy: {BONUS}
version: {version}
title: {{zh: 奖励, en: bonus}}
subject: customer
facts:
  size: {{type: choice, of: {of}, from: {TIER}.size, title: {{zh: 规模, en: size}}}}
outcome:
  bonus: {{type: integer, min: 0, max: 1000, title: {{zh: 奖励, en: bonus}}}}
table:
  hit: FIRST
  inputs: [size]
  rows:
    - {{id: big, when: ['"big"'], then: ["{amount}"], because: {{zh: 大, en: big}}}}
    - {{id: other, when: ["-"], then: ["0"], because: {{zh: 小, en: small}}}}
examples:
  - {{name: big, facts: {{size: big}}, outcome: {{bonus: {expected or amount}}}, rule: big}}
""".encode()


@cache
def sign_off_text(version: str = "1.0.0", signers: str = "[general_manager, compliance]") -> bytes:
    """A version of `governance/sign_off`: the shipped one, with another number and other signers of governance."""
    shipped = (shipped_policies() / SIGN_OFF / "1.0.0.yaml").read_text("utf-8")
    return (
        shipped.replace("version: 1.0.0", f"version: {version}")
        .replace(
            'domain = "governance"\n      then: [[general_manager, compliance]]',
            f'domain = "governance"\n      then: [{signers}]',
        )
        .replace("outcome: {signers: [general_manager, compliance]}", f"outcome: {{signers: {signers}}}")
        .encode()
    )


SIGNERS = GovernanceEvaluator()


@dataclass
class World:
    """One database with its clock; every short way is one transaction."""

    database: Database
    clock: TestClock = field(default_factory=TestClock)

    @property
    def now(self) -> datetime:
        return self.clock.at

    def import_(self, *texts: bytes, at: datetime = START) -> None:
        with self.database.write(self.clock) as transaction:
            for text in texts:
                policy = record_version(transaction, SERVICE, text, change=None)
                row = read_version(transaction.session, policy.id, policy.version)
                activate(transaction, SERVICE, row, Period(at), ActivationKind.INITIAL)

    def hire(self, actor: Actor) -> None:
        """Gives a person an account, unless they have one; it was attested in all roles."""
        with self.database.read() as session:
            if actor.kind != "person" or session.get(AccountRow, actor.id) is not None:
                return
        with self.database.write(self.clock) as transaction:
            session = transaction.session
            session.add(
                AccountRow(
                    id=actor.id,
                    name=actor.name,
                    printed_name=actor.printed_name,
                    created_at=transaction.now,
                    created_by=SERVICE.id,
                )
            )
            session.flush()
            session.add(
                AccountChangeRow(
                    seq=(session.exec(select(func.max(AccountChangeRow.seq))).one() or 0) + 1,
                    account=actor.id,
                    at=transaction.now,
                    by=SERVICE.id,
                    roles=" ".join(sorted(actor.roles)),
                    enabled=True,
                    attested=True,
                )
            )
            session.flush()
            roles = tuple(sorted(actor.roles))
            append(transaction, SERVICE, AccountCreated(actor.id, actor.name, actor.printed_name, roles))

    def employ(self, actor: Actor, *roles: Role) -> None:
        """Gives a person these roles instead of those they have, attested."""
        self.hire(actor)
        with self.database.write(self.clock) as transaction:
            change_roles(transaction, SERVICE, actor.id, roles)
            if frozenset(roles) & frozenset(SIGNING_ROLES):
                attest(transaction, SERVICE, actor.id)

    def withdraw_attestation(self, actor: Actor) -> None:
        """Gives a person another password, so that nobody attests the account as it is."""
        self.hire(actor)
        with self.database.write(self.clock) as transaction:
            set_password(transaction, SERVICE, actor.id, "$argon2id$")

    def engage(self, actor: Actor) -> None:
        """Enables a person's account again, attested."""
        with self.database.write(self.clock) as transaction:
            enable(transaction, SERVICE, actor.id)
            attest(transaction, SERVICE, actor.id)

    def dismiss(self, actor: Actor) -> None:
        """Disables a person's account."""
        self.hire(actor)
        with self.database.write(self.clock) as transaction:
            disable(transaction, SERVICE, actor.id)

    def fresh(self, actor: Actor) -> Actor:
        """The actor, who just entered the password."""
        return replace(actor, confirmed_at=self.clock.at)

    def create(
        self,
        *texts: bytes,
        by: Actor = ANN,
        title: str = "a change",
        start: datetime | None = None,
        until: datetime | None = None,
        ends: Sequence[str] = (),
        afterwards: Afterwards = "before",
        simulated_over: str | None = None,
    ) -> Change:
        effective = Period(start or self.now + DAY, until)
        with self.database.write(self.clock) as transaction:
            return approval.create(
                transaction,
                by,
                title=title,
                reason="it is time",
                effective=effective,
                texts=texts,
                ends=ends,
                afterwards=afterwards,
                simulated_over=simulated_over,
            )

    def rollback(
        self, *versions: tuple[str, str], by: Actor = ANN, start: datetime | None = None, until: datetime | None = None
    ) -> Change:
        effective = Period(start or self.now + DAY, until)
        with self.database.write(self.clock) as transaction:
            return approval.rollback(
                transaction, by, title="back", reason="it was better", effective=effective, versions=versions
            )

    def edit(
        self,
        change: Change,
        *texts: bytes,
        by: Actor = ANN,
        start: datetime | None = None,
        expected: str | None = None,
        versions: Sequence[tuple[str, str]] = (),
    ) -> Change:
        effective = Period(start or change.draft.effective.start)
        with self.database.write(self.clock) as transaction:
            return approval.edit(
                transaction,
                by,
                change.id,
                title="edited",
                reason="better so",
                effective=effective,
                texts=texts,
                versions=versions,
                expected=expected or change.etag,
            )

    def submit(self, change: Change, by: Actor = ANN, effects: EffectReader | None = None) -> Change:
        with self.database.read() as session:
            prepared = approval.prepare_submission(session, change.id, SIGNERS, self.now, effects=effects)
        with self.database.write(self.clock) as transaction:
            return approval.submit(transaction, by, prepared, expected=change.etag)

    def sign(
        self,
        change: Change,
        by: Actor,
        role: Role | None = None,
        *,
        digest: str | None = None,
        meaning: Meaning = Meaning.APPROVED,
        fresh: bool = True,
    ) -> Change:
        actor = self.fresh(by) if fresh else by
        self.hire(by)
        with self.database.write(self.clock) as transaction:
            return approval.sign_off(
                transaction,
                actor,
                change.id,
                role=role or next(iter(by.roles)),
                digest=digest or str(change.digest),
                meaning=meaning,
                reason="sound and feasible",
            )

    def signed(
        self,
        *texts: bytes,
        start: datetime | None = None,
        until: datetime | None = None,
        title: str = "a change",
        ends: Sequence[str] = (),
        afterwards: Afterwards = "before",
    ) -> Change:
        """A change that everybody who must has signed."""
        begun = self.create(*texts, start=start, until=until, title=title, ends=ends, afterwards=afterwards)
        return self.sign_all(self.submit(begun))

    def sign_all(self, change: Change) -> Change:
        by = {role: actor for actor in (SALES, FINANCE, GENERAL, COMPLIANCE) for role in actor.roles}
        for role in change.missing_roles:
            change = self.sign(change, by[role])
        return change

    def schedule(self, change: Change, by: Actor = ANN) -> Change:
        with self.database.write(self.clock) as transaction:
            return approval.schedule(transaction, by, change.id, expected=change.etag)

    def cancel(self, change: Change, by: Actor = ANN) -> Change:
        with self.database.write(self.clock) as transaction:
            return approval.cancel(transaction, by, change.id, reason="not now", expected=change.etag)

    def decide(self, action: str, change: Change, by: Actor, expected: str | None = None) -> Change:
        """`request_changes`, `reject` or `withdraw`."""
        with self.database.write(self.clock) as transaction:
            return getattr(approval, action)(  # type: ignore[no-any-return]  # one of the three
                transaction, by, change.id, reason="because", expected=expected or change.etag
            )

    def suspend(
        self,
        by: Actor = SALES,
        role: Role = Role.SALES_DIRECTOR,
        *,
        policy: str = TIER,
        version: str = "1.1.0",
        fresh: bool = True,
        reason: str = "it misjudges everybody",
    ) -> approval.Suspension:
        actor = self.fresh(by) if fresh else by
        with self.database.write(self.clock) as transaction:
            return approval.suspend(transaction, actor, policy=policy, version=version, role=role, reason=reason)

    def ratify(
        self,
        suspension: approval.Suspension,
        by: Actor = COMPLIANCE,
        role: Role = Role.COMPLIANCE,
        *,
        fresh: bool = True,
    ) -> approval.Suspension:
        actor = self.fresh(by) if fresh else by
        with self.database.write(self.clock) as transaction:
            return approval.ratify(transaction, actor, suspension.id, role=role, reason="rightly so")

    def end(
        self,
        suspension: approval.Suspension,
        by: Actor = COMPLIANCE,
        role: Role = Role.COMPLIANCE,
        *,
        fresh: bool = True,
    ) -> approval.Suspension:
        actor = self.fresh(by) if fresh else by
        with self.database.write(self.clock) as transaction:
            return approval.end_suspension(transaction, actor, suspension.id, role=role, reason="mended")

    def read(self, change: Change) -> Change:
        with self.database.read() as session:
            return approval.read_change(session, change.id)

    def activations(self) -> tuple[Activation, ...]:
        with self.database.read() as session:
            return activations(session)

    def active(self, policy: str = TIER, at: datetime | None = None) -> Activation:
        """The activation that says what applies, as is known now."""
        active = active_at(self.activations(), policy, at or self.now, self.now)
        assert active is not None
        return active

    def version(self, policy: str = TIER, at: datetime | None = None) -> str | None:
        """The version in force, as is known now."""
        active = active_at(self.activations(), policy, at or self.now, self.now)
        return active.version if active else None

    def move(self, **by: float) -> None:
        self.clock.move(**by)


@contextmanager
def world(backend: str = "sqlite", furnish: Callable[[World], None] | None = None) -> Iterator[World]:
    """A world in which the first versions of all policies are in force.

    What `furnish` does in one is done once, and copied.
    """
    with copied(backend, _furnishing(furnish)) as made, closing(Database(made.url)) as database:
        yield World(database, copy(made.result))


@cache
def _furnishing(furnish: Callable[[World], None] | None) -> Callable[[str, Path], TestClock]:
    def make(url: str, _folder: Path) -> TestClock:
        with closing(Database(url)) as database:
            made = World(database)
            made.import_(tier("1.0.0"), bonus("1.0.0"), sign_off_text())
            made.move(hours=1)
            if furnish is not None:
                furnish(made)
            return made.clock

    return make


def in_force(made: World, *versions: str) -> None:
    """Puts versions of the tiering policy in force, a day after another."""
    for version in versions:
        made.schedule(made.signed(tier(version, 100 + int(version.replace(".", "")))))
        made.move(days=1, hours=1)
