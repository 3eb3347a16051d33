"""Limits on the effect of a change: `governance/effect_limits`, evaluated like any policy.

The service supplies the facts of an effect, once for each domain with a policy in the change:

| fact               | meaning                                                                              |
|--------------------|--------------------------------------------------------------------------------------|
| `domain`           | the domain of a policy of the change                                                 |
| `impact_share`     | the share of the decided subjects whose outcome changes; missing if that is unknown  |
| `best_lost_share`  | the share of the subjects of a best outcome that lose it; missing where nobody has it|
| `capacity_share`   | the largest share of its stated capacity that a role needs; missing where none is stated |
| `money_difference` | how much more or less is decided in all, in CNY; missing where no money is           |

Subjects that keep a best outcome by an override do not count as losing it.

It uses the outcome `verdict`, `allowed` or `blocked`: a change blocked in any domain cannot be submitted, and the
rule's reason says why. While no version of the policy is in force, nothing is blocked.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from sqlmodel import Session

from policy_service.approval.effect import Effect
from policy_service.approval.errors import ValidationFailed
from policy_service.approval.governance_facts import (
    DECIDES_LIST,
    DEMANDS_UNKNOWN,
    VERDICT,
    governing_version,
    read_governance_facts,
    shape_problems,
    verdict_problems,
    version_name,
)
from policy_service.approval.policies import policy_loader
from policy_service.approval.signers import DOMAIN, GovernanceEvaluator, effect_facts
from policy_service.language.outcome import Decided, Result
from policy_service.language.policy import Policy
from policy_service.language.types import Value
from policy_service.messages import Message

EFFECT_LIMITS = "governance/effect_limits"
BLOCKED = "blocked"
VERDICTS = ("allowed", BLOCKED)
UNLIMITED = Message("{policy} {version} does not limit effects where {fact} is `{value}`: it expects {expected}.")


def limit_problems(
    session: Session, governance: GovernanceEvaluator, effect: Effect, domains: Iterable[str], now: datetime.datetime
) -> list[Message]:
    """Return why an effect exceeds the limits in force, one message per domain. Raises OperationRejected."""
    version = governing_version(session, EFFECT_LIMITS, now)
    if version is None:
        return []
    policy = policy_loader(session)(version.digest)
    results = (governance.decide(policy, _facts(policy, domain, effect), now.date()) for domain in sorted(set(domains)))
    return [problem for problem in (_problem(policy, result) for result in results) if problem is not None]


def _facts(policy: Policy, domain: str, effect: Effect) -> dict[str, Value]:
    shares = {name: effect.document.get(name) for name in ("best_lost_share", "capacity_share")}
    values = {DOMAIN: domain, **shares, **effect_facts(effect)}
    return read_governance_facts(policy, values, UNLIMITED)


def _problem(policy: Policy, result: Result) -> Message | None:
    """Return the message that the effect exceeds a limit; None if it does not."""
    if not isinstance(result, Decided) or len(result.outcome) != 1:
        return Message("{policy} {version} does not decide about this effect.", **version_name(policy))
    verdict = result.outcome[0][list(policy.outcomes).index(VERDICT)]
    if verdict != BLOCKED:
        return None
    because = next(each.because for each in policy.rules if result.rules and each.id == result.rules[0])
    return Message(
        "The effect is beyond a limit of {policy} {version}: {reason}",
        **version_name(policy),
        reason=f"{because.zh} / {because.en}",
    )


def check_effect_limits(policy: Policy) -> None:
    """Check that the service can use a new version of `governance/effect_limits`. Raises ValidationFailed."""
    shape = shape_problems(policy, [DOMAIN], is_list=DECIDES_LIST, demands=DEMANDS_UNKNOWN)
    if problems := [*verdict_problems(policy, VERDICTS), *shape]:
        raise ValidationFailed(problems)
