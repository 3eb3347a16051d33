"""The signers of a change: the policy `governance/sign_off`, evaluated by the rules engine and the reference evaluator.

The service supplies these facts, as far as the version in force declares them:

| fact            | value                                                                                   |
|-----------------|-----------------------------------------------------------------------------------------|
| `domain`        | the domain of one policy of the change; evaluated for each, and all resulting roles must sign |
| `decides_money` | whether that policy has an outcome that is an amount of money, in whatever currency     |
| `kind`          | `change`, also of first versions, or `rollback`                                         |
| `impact_share`  | the share of subjects whose outcome changes in the simulation; missing without one      |
| `money_difference` | how much more or less money the simulation decides, in CNY; missing where it decides none |

It uses the outcome `signers`, tags that name roles. A result with fewer than two roles is rejected.
"""

from __future__ import annotations

import datetime
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import product
from types import TracebackType
from typing import Self

from sqlmodel import Session

from policy_service.actor import SIGNING_ROLES, Role
from policy_service.approval.change import ChangeKind, Version
from policy_service.approval.effect import Effect
from policy_service.approval.errors import OperationRejected, ValidationFailed
from policy_service.approval.governance_facts import (
    DEMANDS_UNKNOWN,
    governing_version,
    read_governance_facts,
    shape_problems,
    version_name,
)
from policy_service.compilers.evaluator import Evaluator
from policy_service.compilers.rules_engine import (
    EngineFault,
    EngineLimitError,
    SmokeTestFailed,
    compile_engine,
    run_smoke_tests,
)
from policy_service.language.evaluate import evaluate
from policy_service.language.outcome import Decided, Result
from policy_service.language.policy import Policy
from policy_service.language.types import ChoiceType, NumberType, TagsType, Value
from policy_service.messages import Message, join_comma

SIGN_OFF = "governance/sign_off"
SIGNERS = "signers"
DOMAIN, KIND, MONEY = "domain", "kind", "decides_money"
IMPACT_SHARE, MONEY_DIFFERENCE = "impact_share", "money_difference"
ALWAYS_KNOWN = frozenset({DOMAIN, KIND, MONEY})
"""The facts known of every change."""
UNSAID = Message("{policy} {version} does not say who signs where {fact} is `{value}`: it expects {expected}.")
DECIDES_LIST = Message("{policy} {version} must decide one set of signers, not a list of them.")
MIN_ROLES = 2
"""The minimum number of roles that sign, whatever the policy says: one person alone can put nothing in force."""
KINDS: tuple[ChangeKind, ...] = ("change", "rollback")
"""The kinds that the policy knows; first versions are signed like a change."""
NO_IMPACT: Mapping[str, str | None] = {IMPACT_SHARE: "0"}
"""The effect of changes that move no subjects, such as first versions, or one, such as an override."""
TRIAL_EFFECTS: tuple[Mapping[str, str | None], ...] = (
    {},
    *({IMPACT_SHARE: share} for share in ("0", "0.5", "1")),
    {IMPACT_SHARE: "0", MONEY_DIFFERENCE: "1000000.00"},
)
"""Effects for testing a new version of the policy."""
REHEARSAL_SECONDS = 20.0
CACHE_SIZE = 8
"""Capacity of the cache of built versions."""


class GovernanceEvaluator:
    """Evaluates governance policies, thread-safe; must be closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._evaluators: OrderedDict[str, Evaluator] = OrderedDict()

    def required_roles(  # noqa: PLR0913  # all that decides who must sign
        self,
        policy: Policy,
        domains: Iterable[str],
        kind: ChangeKind,
        effect: Mapping[str, str | None],
        day: datetime.date,
        *,
        paying_domains: Iterable[str] = (),
    ) -> tuple[Role, ...]:
        """Return the roles that must sign a change, by one version of `governance/sign_off`.

        `domains` are those of policies that decide no money, `paying_domains` those of policies that do; `effect` are
        the facts of `effect_facts`. Raises OperationRejected if the signers cannot be determined.
        """
        roles: set[Role] = set()
        for domain, money in sorted({*product(domains, [False]), *product(paying_domains, [True])}):
            facts = sign_off_facts(policy, domain, kind, effect, decides_money=money)
            roles |= roles_from(policy, domain, self.decide(policy, facts, day))
        if len(roles) < MIN_ROLES:
            raise OperationRejected(
                Message(
                    "{policy} {version} asks for fewer than two roles, so nothing can be signed.",
                    **version_name(policy),
                )
            )
        return tuple(role for role in SIGNING_ROLES if role in roles)

    def decide(self, policy: Policy, facts: Mapping[str, Value], day: datetime.date) -> Result:
        """Evaluate a governance policy by the rules engine and the reference evaluator, which must agree."""
        with self._lock:
            try:
                result = self._evaluator(policy).evaluate(facts, day)
            except (EngineFault, SmokeTestFailed, EngineLimitError) as error:
                raise OperationRejected(
                    Message("Who must sign could not be decided: the rules engine failed ({fault}).", fault=str(error))
                ) from error
        if result != evaluate(policy, facts, day):
            raise OperationRejected(
                Message(
                    "Who must sign could not be decided: the rules engine and the definition of {policy} {version} "
                    "differ. Nothing is signed until that is understood.",
                    **version_name(policy),
                )
            )
        return result

    def _evaluator(self, policy: Policy) -> Evaluator:
        if policy.digest not in self._evaluators:
            run_smoke_tests([policy], seconds=REHEARSAL_SECONDS)
            self._evaluators[policy.digest] = compile_engine(policy)
        self._evaluators.move_to_end(policy.digest)
        while len(self._evaluators) > CACHE_SIZE:
            self._evaluators.popitem(last=False)[1].close()
        return self._evaluators[policy.digest]

    def close(self) -> None:
        """Release the engine's memory. Idempotent."""
        with self._lock:
            while self._evaluators:
                self._evaluators.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def sign_off_version(session: Session, now: datetime.datetime) -> Version:
    """Return the version of `governance/sign_off` in force.

    Raises OperationRejected if there is none.
    """
    version = governing_version(session, SIGN_OFF, now)
    if version is None:
        raise OperationRejected(
            Message("No version of {policy} is in force, so the required signers are unknown.", policy=SIGN_OFF)
        )
    return version


def decides_money(policy: Policy) -> bool:
    """Return True if a policy has an outcome that is an amount of money."""
    kinds = (outcome.type for outcome in policy.outcomes.values())
    return any(isinstance(kind, NumberType) and kind.kind == "money" for kind in kinds)


def effect_facts(effect: Effect | None) -> dict[str, str | None]:
    """Return the facts about the size of a change's effect; None for unknown ones."""
    if effect is None:
        return {}
    return {IMPACT_SHARE: effect.impact_share, MONEY_DIFFERENCE: effect.money_difference}


def sign_off_facts(
    policy: Policy, domain: str, kind: ChangeKind, effect: Mapping[str, str | None], *, decides_money: bool
) -> dict[str, Value]:
    """Return the facts that the service supplies, in stored form."""
    asked_kind = kind if kind in KINDS else "change"
    values = {DOMAIN: domain, KIND: asked_kind, MONEY: decides_money, **effect}
    return read_governance_facts(policy, values, UNSAID)


def roles_from(policy: Policy, domain: str, result: Result) -> frozenset[Role]:
    """Return the roles in a result. Raises OperationRejected if there are none."""
    if isinstance(result, Decided) and SIGNERS in policy.outcomes and len(result.outcome) == 1:
        tags = result.outcome[0][list(policy.outcomes).index(SIGNERS)]
        roles = frozenset(role for role in SIGNING_ROLES if isinstance(tags, frozenset) and role in tags)
        if roles:
            return roles
    raise OperationRejected(
        Message(
            "{policy} {version} names no signers for changes of `{domain}`.",
            **version_name(policy),
            domain=domain,
        )
    )


def check_sign_off(policy: Policy, domains: Iterable[str]) -> None:
    """Check, before it is signed, that the service can use a new version of `governance/sign_off`.

    It must return at least two roles for every domain, from the facts that the service supplies. Raises
    ValidationFailed.
    """
    problems = list(_shape_problems(policy))
    if not problems:
        for domain, kind, effect, money in product(sorted(set(domains)), KINDS, TRIAL_EFFECTS, (False, True)):
            try:
                facts = sign_off_facts(policy, domain, kind, effect, decides_money=money)
                roles = roles_from(policy, domain, evaluate(policy, facts, datetime.date(2026, 1, 1)))
            except OperationRejected as rejection:
                problems.extend(rejection.messages)
                continue
            if len(roles) < MIN_ROLES:
                problems.append(
                    Message(
                        "{policy} {version} asks for fewer than two roles for `{domain}`.",
                        **version_name(policy),
                        domain=domain,
                    )
                )
    if problems:
        raise ValidationFailed(dict.fromkeys(problems))


def _shape_problems(policy: Policy) -> Iterable[str]:
    outcome = policy.outcomes.get(SIGNERS)
    if outcome is None or not isinstance(outcome.type, TagsType) or not set(outcome.type.of) <= set(SIGNING_ROLES):
        yield Message(
            "{policy} {version} must decide `{outcome}`, tags that name the roles {roles}.",
            **version_name(policy),
            outcome=SIGNERS,
            roles=join_comma(role.value for role in SIGNING_ROLES),
        )
    yield from shape_problems(policy, ALWAYS_KNOWN, is_list=DECIDES_LIST, demands=DEMANDS_UNKNOWN)
    domain = policy.facts.get(DOMAIN)
    if domain is None or not isinstance(domain.type, ChoiceType):
        yield Message("{policy} {version} must ask for `{fact}`, a choice.", **version_name(policy), fact=DOMAIN)
