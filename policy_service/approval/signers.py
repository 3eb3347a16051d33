"""Who must sign: the policy `governance/sign_off` says so, decided by the rules engine and checked by the definition.

The service supplies these facts, as far as the version in force declares them:

| fact            | value                                                                                   |
|-----------------|-----------------------------------------------------------------------------------------|
| `domain`        | the domain of one policy of the change; asked for each, and all that is asked for counts |
| `decides_money` | whether that policy has an outcome that is an amount of money, in whatever currency     |
| `kind`          | `change` or `rollback`                                                                  |
| `impact_share`  | the share of subjects whose outcome changes in the simulation; missing without one      |

It takes the outcome `signers`, tags that name roles. Whatever leaves a change without two roles is refused.
"""

from __future__ import annotations

import datetime
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import product
from types import TracebackType
from typing import Self, get_args

from sqlmodel import Session

from policy_service.actor import SIGNING_ROLES, Role
from policy_service.approval.change import Kind, Version
from policy_service.approval.refusals import Refused, Unfit
from policy_service.approval.supplied import read_supplied
from policy_service.compilers.evaluator import Evaluator
from policy_service.compilers.rules_engine import (
    EngineFault,
    EngineLimitError,
    EngineTrialError,
    compile_engine,
    rehearse,
)
from policy_service.language.evaluate import evaluate
from policy_service.language.outcome import Decided, Result
from policy_service.language.policy import Policy
from policy_service.language.types import ChoiceType, NumberType, TagsType, Value
from policy_service.registry.model import active_at
from policy_service.registry.service import activations
from policy_service.sentences import Sentence, listed

SIGN_OFF = "governance/sign_off"
SIGNERS = "signers"
DOMAIN, KIND, IMPACT, MONEY = "domain", "kind", "impact_share", "decides_money"
ALWAYS = frozenset({DOMAIN, KIND, MONEY})
"""The facts that the service knows of every change."""
FEWEST = 2
"""The roles that must sign at the least, whatever the policy says: nobody puts anything in force alone."""
IMPACTS = (None, "0", "0.5", "1")
"""Impacts that a new version of the policy is tried with."""
REHEARSAL_SECONDS = 20.0
KEPT = 8
"""Versions of the policy that stay built."""


class Signers:
    """Answers who must sign. For all threads; close it in the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._built: OrderedDict[str, Evaluator] = OrderedDict()

    def required(  # noqa: PLR0913  # all that decides who must sign
        self,
        policy: Policy,
        domains: Iterable[str],
        kind: Kind,
        impact: str | None,
        day: datetime.date,
        *,
        paying: Iterable[str] = (),
    ) -> tuple[Role, ...]:
        """The roles that must sign a change of policies, by one version of `governance/sign_off`.

        `domains` are those of policies that decide no money, `paying` those of policies that do. Raises Refused when it
        cannot be told with certainty.
        """
        asked: set[Role] = set()
        for domain, money in sorted({*product(domains, [False]), *product(paying, [True])}):
            facts = facts_of(policy, domain, kind, impact, decides_money=money)
            asked |= roles_of(policy, domain, self.decide(policy, facts, day))
        if len(asked) < FEWEST:
            raise Refused(
                Sentence(
                    "{policy} {version} asks for fewer than two roles, so nothing can be signed.",
                    policy=policy.id,
                    version=policy.version,
                )
            )
        return tuple(role for role in SIGNING_ROLES if role in asked)

    def decide(self, policy: Policy, facts: Mapping[str, Value], day: datetime.date) -> Result:
        """What a policy of governance says by the rules engine, as its definition does too. Raises Refused."""
        with self._lock:
            try:
                found = self._evaluator(policy).evaluate(facts, day)
            except (EngineFault, EngineTrialError, EngineLimitError) as fault:
                raise Refused(
                    Sentence("Who must sign could not be decided: the rules engine failed ({fault}).", fault=str(fault))
                ) from fault
        if found != evaluate(policy, facts, day):
            raise Refused(
                Sentence(
                    "Who must sign could not be decided: the rules engine and the definition of {policy} {version} "
                    "differ. Nothing is signed until that is understood.",
                    policy=policy.id,
                    version=policy.version,
                )
            )
        return found

    def _evaluator(self, policy: Policy) -> Evaluator:
        if policy.digest not in self._built:
            rehearse([policy], seconds=REHEARSAL_SECONDS)
            self._built[policy.digest] = compile_engine(policy)
        self._built.move_to_end(policy.digest)
        while len(self._built) > KEPT:
            self._built.popitem(last=False)[1].close()
        return self._built[policy.digest]

    def close(self) -> None:
        """Gives back what the engine holds. Closing twice is fine."""
        with self._lock:
            while self._built:
                self._built.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def in_force(session: Session, now: datetime.datetime) -> Version:
    """The version of `governance/sign_off` that says who must sign now. Raises Refused when none does."""
    active = active_at(activations(session, SIGN_OFF), SIGN_OFF, now, now)
    if active is None:
        raise Refused(Sentence("No version of {policy} is in force, so nobody can say who must sign.", policy=SIGN_OFF))
    return Version(active.policy, active.version, active.digest)


def decides_money(policy: Policy) -> bool:
    """Whether a policy has an outcome that is an amount of money."""
    kinds = (outcome.type for outcome in policy.outcomes.values())
    return any(isinstance(kind, NumberType) and kind.kind == "money" for kind in kinds)


def facts_of(policy: Policy, domain: str, kind: Kind, impact: str | None, *, decides_money: bool) -> dict[str, Value]:
    """The facts that the service supplies, as kept. Raises Refused for a domain the policy does not know."""
    supplied = {DOMAIN: domain, KIND: kind, IMPACT: impact, MONEY: decides_money}

    def refusal(fact: str, value: str, expected: str) -> str:
        return Sentence(
            "{policy} {version} does not say who signs where {fact} is `{value}`: it expects {expected}.",
            policy=policy.id,
            version=policy.version,
            fact=fact,
            value=value,
            expected=expected,
        )

    return read_supplied(policy, supplied, refusal)


def roles_of(policy: Policy, domain: str, found: Result) -> frozenset[Role]:
    """The roles an answer names. Raises Refused when it names none."""
    if isinstance(found, Decided) and SIGNERS in policy.outcomes and len(found.outcome) == 1:
        tags = found.outcome[0][list(policy.outcomes).index(SIGNERS)]
        roles = frozenset(role for role in SIGNING_ROLES if isinstance(tags, frozenset) and role in tags)
        if roles:
            return roles
    raise Refused(
        Sentence(
            "{policy} {version} names nobody to sign changes of `{domain}`.",
            policy=policy.id,
            version=policy.version,
            domain=domain,
        )
    )


def check_sign_off(policy: Policy, domains: Iterable[str]) -> None:
    """Whether the service could work with a new version of `governance/sign_off`, before it is signed.

    It must answer for every domain, with two roles or more, from the facts that the service supplies. Raises Unfit.
    """
    wrong = list(_misshapen(policy))
    if not wrong:
        for domain, kind, impact, money in product(sorted(set(domains)), get_args(Kind), IMPACTS, (False, True)):
            try:
                facts = facts_of(policy, domain, kind, impact, decides_money=money)
                roles = roles_of(policy, domain, evaluate(policy, facts, datetime.date(2026, 1, 1)))
            except Refused as refused:
                wrong.extend(refused.sentences)
                continue
            if len(roles) < FEWEST:
                wrong.append(
                    Sentence(
                        "{policy} {version} asks for fewer than two roles for `{domain}`.",
                        policy=policy.id,
                        version=policy.version,
                        domain=domain,
                    )
                )
    if wrong:
        raise Unfit(dict.fromkeys(wrong))


def _misshapen(policy: Policy) -> Iterable[str]:
    name = {"policy": policy.id, "version": policy.version}
    outcome = policy.outcomes.get(SIGNERS)
    if outcome is None or not isinstance(outcome.type, TagsType) or not set(outcome.type.of) <= set(SIGNING_ROLES):
        yield Sentence(
            "{policy} {version} must decide `{outcome}`, tags that name the roles {roles}.",
            **name,
            outcome=SIGNERS,
            roles=listed(role.value for role in SIGNING_ROLES),
        )
    if policy.lists:
        yield Sentence("{policy} {version} must decide one set of signers, not a list of them.", **name)
    demanded = {fact.name for fact in policy.facts.values() if not fact.optional} - ALWAYS
    if demanded:
        yield Sentence(
            "{policy} {version} demands {facts}, which the service does not know of every change.",
            **name,
            facts=listed(sorted(demanded)),
        )
    domain = policy.facts.get(DOMAIN)
    if domain is None or not isinstance(domain.type, ChoiceType):
        yield Sentence("{policy} {version} must ask for `{fact}`, a choice.", **name, fact=DOMAIN)
