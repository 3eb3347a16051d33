"""The company of `init --demo`: a year in which invented customers were decided about, and people signed and refused.

All of it is made through the library, as the service does it, with a clock that is stepped from a year ago to now. The
first entry of the log says that it is a demonstration.

| when           | what                                                                                             |
|----------------|--------------------------------------------------------------------------------------------------|
| a year ago     | the set-up: keys, policies, accounts; the directors sign what was imported                        |
| every month    | the tier of every customer, and of most the follow-up; each example of other policies, about its |
|                | salesperson, complaint, …                                                                         |
| in the spring  | a change that the directors sign, and one that compliance rejects                                 |
| in the autumn  | overrides for some customers                                                                      |
| today          | how fast a problem of most customers is answered; a change that waits for its signatures         |
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from policy_service.actor import Actor, Role
from policy_service.approval.change import Change, Meaning
from policy_service.approval.draft_check import prepare_submission
from policy_service.approval.drafts import create, create_first_versions
from policy_service.approval.review import reject, sign_off, submit
from policy_service.approval.schedule import schedule
from policy_service.approval.signers import GovernanceEvaluator
from policy_service.approval.store import read_change
from policy_service.audit.service import sign_checkpoint
from policy_service.clock import uuid7
from policy_service.database import Database, LaneName
from policy_service.decisions.block_store import seal
from policy_service.decisions.evaluation import Question
from policy_service.decisions.group import GroupWriter, PendingDecision
from policy_service.decisions.in_force import InForce
from policy_service.decisions.master_keys import open_or_create
from policy_service.decisions.subjects import FactCipher
from policy_service.identity.service import find_account_by_name
from policy_service.language.policy import Policy
from policy_service.language.types import format_value
from policy_service.overrides.service import OverrideRequest, prepare_override, record_override
from policy_service.population.recorded_effect import RecordedEffects
from policy_service.registry.model import Period
from policy_service.subject import CUSTOMER, Subject

CUSTOMERS = 200
NEVER_CONTACTED = 10
"""One in this many customers was never contacted and had no problem, so both facts are missing."""
MONTHS = 12
MONTH = timedelta(days=30)
YEAR = MONTHS * MONTH
TIER = "tiering/rfm_value"
MEAN = {"industry_mean_amount": "300000.00", "industry_mean_orders": "3"}
INDUSTRIES = ("it", "manufacturing", "retail", "internet", "finance", "services", "other")
CADENCE = "followup/contact_cadence"
RESPONSE = "service_levels/response_times"
SEVERITIES = ("critical", *("major",) * 3, *("minor",) * 7)
"""The severities of customers' newest problems, in turn."""


@dataclass(frozen=True, slots=True)
class DemoChange:
    """A change of one policy, as replacements in its text."""

    policy: str
    version: str
    title: str
    reason: str
    edits: Sequence[tuple[str, str]]
    days: int
    """The number of days from submission to its effective day."""


OVERRIDE_REASONS = (
    "合作十年的伙伴 / a partner of ten years",
    "正在参加招标 / a tender is under way",
    "大集团的姊妹公司 / sister of a large group",
)
QUARTERLY = ("contact: bulk_touch", "contacts: 1", "period: quarter")
SIGNED = DemoChange(
    CADENCE,
    "1.1.0",
    "A message to tier C every month / C 级客户每月一次",
    "新客户一季度联系一次太少 / a quarter is too long for those who have just begun to buy",
    [
        (separator.join(QUARTERLY), separator.join(QUARTERLY).replace("quarter", "month"))
        for separator in (", ", "\n        ")
    ],
    days=1,
)
REJECTED = DemoChange(
    TIER,
    "1.1.0",
    "Weigh recency more / 更看重最近购买",
    "最近购买的客户会再次购买 / who bought lately buys again",
    [
        ('["< 30", "> 1.5 *', '["< 20", "> 1.5 *'),
        ("不足 30 天（R-RFM-1）", "不足 20 天（R-RFM-1）"),
        ("less than 30 days ago (R-RFM-1)", "less than 20 days ago (R-RFM-1)"),
        ("recency_days: 29, orders_12m: 14", "recency_days: 19, orders_12m: 14"),
    ],
    days=1,
)
WAITING = DemoChange(
    TIER,
    "1.2.0",
    "Tier S until 40 days after the last order / 40 天内有订单即可为 S 级",
    "大客户每六周下单一次 / large customers order every six weeks",
    [
        ("< 30", "< 40"),
        (">= 30", ">= 40"),
        ("before day 30", "before day 40"),
        ("不足 30 天", "不足 40 天"),
        ("less than 30 days ago", "less than 40 days ago"),
        ("第 30 天", "第 40 天"),
        ("en: Day 30 is", "en: Day 40 is"),
        ("recency_days: 30, orders_12m: 14", "recency_days: 40, orders_12m: 14"),
    ],
    days=14,
)
MINUTES = "Minutes of the board: the attached policies apply from the first day of the quarter.\n"
"""The evidence of the first versions."""
MACHINE = Actor("demo-crm", "demo-crm", "CRM", frozenset({Role.INTEGRATION}), "machine")


@dataclass
class SteppedClock:
    """A clock that its user steps; identifiers are of its own time."""

    at: datetime

    def now(self) -> datetime:
        """Return the instant to which it was stepped."""
        return self.at

    def new_id(self) -> uuid.UUID:
        """Return a UUID of version 7 of that instant."""
        return uuid7(int(self.at.timestamp() * 1_000), int.from_bytes(os.urandom(10)))

    def step(self, by: timedelta) -> None:
        """Advance the clock."""
        self.at += by


@dataclass(frozen=True, slots=True)
class DemoCompany:
    """Creates the history of a company that was set up at the clock's time."""

    database: Database
    clock: SteppedClock
    keys: Path
    zone: ZoneInfo
    policies: Sequence[Policy]
    """The newest versions in force."""
    account_names: Mapping[Role, str]
    governance: GovernanceEvaluator = field(default_factory=GovernanceEvaluator)

    def make(self) -> None:
        """Create one year of history, month by month. Raises DatabaseUnavailable."""
        in_force = InForce(self.database, self.clock, engine="python")
        writer = GroupWriter(in_force, FactCipher(open_or_create(self.keys)))
        try:
            self._sign_first_versions()
            for month in range(MONTHS):
                self.clock.step(MONTH - timedelta(minutes=1))
                self._decide(in_force, writer, [*self._customers(month), *self._examples(month)])
                if month == MONTHS // 3:
                    self._sign(*self._submit(SIGNED))
                    self._reject(*self._submit(REJECTED))
                    in_force.refresh()
                if month == 2 * MONTHS // 3:
                    self._override_tiers(in_force)
            self._submit(WAITING)
        finally:
            in_force.close()
            self.governance.close()

    def _decide(self, in_force: InForce, writer: GroupWriter, questions: Sequence[Question]) -> None:
        """Record decisions in one transaction, and seal them."""
        in_force.refresh()
        pending = [PendingDecision(in_force.evaluate(each), MACHINE) for each in questions]
        with self.database.write(self.clock, LaneName.DECISIONS) as transaction:
            writer.write(transaction, pending)
        with self.database.write(self.clock) as transaction:
            while seal(transaction) is not None:
                continue
            sign_checkpoint(transaction, self.keys)

    def _customers(self, month: int) -> Iterator[Question]:
        """Yield the tier of every customer, and the follow-up of most; each has a strength, which drifts."""
        day = self.clock.at.astimezone(self.zone).date()
        for number in range(CUSTOMERS):
            drift = (number * 37 + month * month * 61) % 23 - 11
            strength = max(0, min(99, (number * 7_919) % 100 + (drift if number % 3 == 0 else 0)))
            facts = {
                "amount_12m": f"{strength * 6_000}.00",
                "orders_12m": strength // 12,
                "recency_days": 120 - strength,
                "industry": INDUSTRIES[number % len(INDUSTRIES)],
                "severity": SEVERITIES[number % len(SEVERITIES)],
                **MEAN,
            }
            policies: tuple[str, ...] = (TIER,)
            if number % NEVER_CONTACTED:
                facts["last_contact_on"] = (day - timedelta(days=5 + (number + month) % 40)).isoformat()
                policies = (TIER, CADENCE, RESPONSE) if month == MONTHS - 1 else (TIER, CADENCE)
            yield Question(Subject(f"C2025{number:05}"), facts, day, policies)

    def _examples(self, month: int) -> Iterator[Question]:
        """Yield an example of each other policy, a different one each month."""
        day = self.clock.at.astimezone(self.zone).date()
        for policy in self.policies:
            examples = [each for each in policy.examples if each.status == "decided"]
            if examples and policy.domain != "governance" and policy.subject != CUSTOMER:
                example = examples[month % len(examples)]
                subject = Subject(f"{policy.subject}-{month % 10 + 1:03}", policy.subject)
                yield Question(subject, _facts(policy, example.facts), day, (policy.id,))

    def _submit(self, demo: DemoChange) -> tuple[Actor, Change]:
        """Return the author of a change, and the change after its submission with its effect."""
        version = next(each for each in self.policies if each.id == demo.policy)
        text = version.text.replace(f"version: {version.version}", f"version: {demo.version}", 1)
        for before, after in demo.edits:
            if before not in text:
                raise LookupError(before)
            text = text.replace(before, after)
        with self.database.write(self.clock) as transaction:
            author = self._actor(transaction.session, Role.AUTHOR)
            change = create(
                transaction,
                author,
                title=demo.title,
                reason=demo.reason,
                effective=Period(transaction.now + timedelta(days=demo.days)),
                texts=[text.encode()],
            )
        return author, self._submit_draft(author, change)

    def _sign_first_versions(self) -> None:
        """Sign the imported versions as the directors, who decided on them two months before."""
        start = self.clock.at.astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0) - 2 * MONTH
        with self.database.write(self.clock) as transaction:
            author = self._actor(transaction.session, Role.AUTHOR)
            change = create_first_versions(
                transaction,
                author,
                title="First versions / 首批版本",
                reason="启用前已由董事会决议生效 / in force by resolution of the board before the set-up",
                start=start,
                file_name="minutes.txt",
                content=MINUTES.encode(),
            )
        self._sign(author, self._submit_draft(author, change))

    def _submit_draft(self, author: Actor, change: Change) -> Change:
        """Return the change, submitted with its effect."""
        effects = RecordedEffects(self.database, lambda: FactCipher(open_or_create(self.keys)), self.zone)
        with self.database.read() as session:
            prepared = prepare_submission(session, change.id, self.governance, self.clock.now(), effects=effects)
        with self.database.write(self.clock) as transaction:
            return submit(transaction, author, prepared, expected=prepared.etag)

    def _reject(self, _: Actor, change: Change) -> None:
        """Reject a change as compliance."""
        with self.database.write(self.clock) as transaction:
            compliance = self._actor(transaction.session, Role.COMPLIANCE)
            reject(
                transaction,
                compliance,
                change.id,
                reason="制度没有这样规定 / the regulation does not say so",
                expected=change.etag,
            )

    def _sign(self, author: Actor, change: Change) -> None:
        """Sign a change in every required role; its author schedules it."""
        for role in change.frozen_submission.roles:
            with self.database.write(self.clock) as transaction:
                sign_off(
                    transaction,
                    self._actor(transaction.session, role),
                    change.id,
                    role=role,
                    digest=str(change.digest),
                    meaning=Meaning.APPROVED,
                    reason="已对照制度核对 / checked against the regulation",
                )
        with self.database.write(self.clock) as transaction:
            expected = read_change(transaction.session, change.id).etag
            schedule(transaction, author, change.id, expected=expected)

    def _override_tiers(self, in_force: InForce) -> None:
        """Record overrides for some customers, each with a reason and an end."""
        for number, reason in enumerate(OVERRIDE_REASONS):
            with self.database.write(self.clock) as transaction:
                session, now = transaction.session, transaction.now
                director = self._actor(session, Role.SALES_DIRECTOR)
                subject, until = Subject(f"C2025{number * 11:05}"), now + timedelta(days=60)
                outcome = {"tier": "A"}
                request = OverrideRequest(subject, TIER, outcome, Role.SALES_DIRECTOR, reason, until)
                prepared = prepare_override(session, self.governance, director, request, now)
                record_override(transaction, director, prepared)
        in_force.refresh()

    def _actor(self, session: Any, role: Role) -> Actor:  # noqa: ANN401  # SQLModel's
        """Return the person in a role, just re-authenticated."""
        account = find_account_by_name(session, self.account_names[role])
        if account is None:
            raise LookupError(role)
        return replace(account.actor(), confirmed_at=self.clock.now())


def _facts(policy: Policy, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of an example as a caller gives them."""
    return {name: format_value(policy.facts[name].type, value) for name, value in kept.items()}
