"""The reach of one person's override: `governance/overrides`, evaluated like any policy.

The service supplies these facts of an override, as far as the policy declares them:

| fact                 | meaning                                                                                      |
|----------------------|----------------------------------------------------------------------------------------------|
| `domain`             | the domain of the policy that is overridden                                                  |
| `outcome_kind`       | `money` when an outcome of the policy is an amount of money, else `other`                    |
| `amount`             | the sum of the amounts decided instead, in CNY, without signs; missing when one is not CNY   |
| `days`               | days from now until its end, begun ones counted whole                                        |
| `running_of_policy`  | overrides of the policy that apply or wait for signatures, before this one                   |
| `running_of_subject` | the same of the subject                                                                      |
| `running_of_person`  | the same recorded by this person                                                             |
| `unsigned_before`    | overrides of this policy and subject that applied in the last 30 days by one signature alone |
| `signed`             | the roles that have signed: that of who records it                                           |

and uses the outcomes

| outcome            | meaning                                                                                    |
|--------------------|--------------------------------------------------------------------------------------------|
| `verdict`          | `allowed`: to its end by this one signature; `provisional`: at once, but it lapses unless  |
|                    | the others sign; `needs_signers`: only once the others have signed; `refused`              |
| `max_days`         | the days it lasts at most                                                                  |
| `provisional_days` | the days within which the others must sign                                                 |

While no version of it is in force, every override needs the others' signatures within `DAYS_TO_SIGN` days.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from sqlmodel import Session

from policy_service.actor import Role
from policy_service.approval.change import Version
from policy_service.approval.errors import OperationRejected, ValidationFailed
from policy_service.approval.governance_facts import (
    DECIDES_LIST,
    VERDICT,
    governing_version,
    read_governance_facts,
    shape_problems,
    verdict_problems,
    version_name,
)
from policy_service.approval.policies import policy_loader
from policy_service.approval.signers import NO_IMPACT, GovernanceEvaluator, decides_money, sign_off_version
from policy_service.language.outcome import Decided, Result
from policy_service.language.policy import Bilingual, Policy
from policy_service.language.types import NumberType
from policy_service.messages import Message

OVERRIDES = "governance/overrides"
OverrideVerdict = Literal["allowed", "provisional", "needs_signers", "refused"]
VERDICTS: tuple[OverrideVerdict, ...] = get_args(OverrideVerdict)
MAX_DAYS, PROVISIONAL_DAYS = "max_days", "provisional_days"
LIMIT_DAYS = 366
"""Maximum duration of an override in days, whatever the policy says."""
DAYS_TO_SIGN = 3
"""Days for the other signatures, while no policy sets them."""
MAX_DAYS_TO_SIGN = 30
"""Maximum number of these days that a policy may set."""
ALWAYS_KNOWN = frozenset(
    (
        *("domain", "outcome_kind", "days", "signed", "unsigned_before"),
        *("running_of_policy", "running_of_subject", "running_of_person"),
    )
)
"""The facts known of every override."""
UNDECIDED = Message("{policy} {version} does not decide overrides where {fact} is `{value}`: it expects {expected}.")
DEMANDS_UNKNOWN = Message("{policy} {version} demands {facts}, which the service does not know of every override.")


@dataclass(frozen=True, slots=True)
class OverrideAuthority:
    """The reach of an override by its recorder's signature alone, and the rule that determines it."""

    verdict: OverrideVerdict
    max_days: int
    provisional_days: int
    policy: Version | None = None
    """The version of `governance/overrides` that determines it; None if there is none."""
    rule: str = ""
    because: Bilingual | None = None


DEFAULT_AUTHORITY = OverrideAuthority("needs_signers", LIMIT_DAYS, DAYS_TO_SIGN)
"""The authority while no version of the policy is in force."""


def decide_authority(
    session: Session, governance: GovernanceEvaluator, facts: Mapping[str, object], now: datetime.datetime
) -> OverrideAuthority:
    """Return how far an override with these facts reaches. The first call is slow.

    Raises OperationRejected if this cannot be determined.
    """
    version = governing_version(session, OVERRIDES, now)
    if version is None:
        return DEFAULT_AUTHORITY
    policy = policy_loader(session)(version.digest)
    read = read_governance_facts(policy, facts, UNDECIDED)
    return _authority_from(policy, version, governance.decide(policy, read, now.date()))


def signers_of(
    session: Session, governance: GovernanceEvaluator, policy: Policy, now: datetime.datetime
) -> tuple[tuple[Role, ...], Version]:
    """Return the signers of a change of a policy, and the version of `governance/sign_off` used.

    Raises OperationRejected.
    """
    version = sign_off_version(session, now)
    sign_off_policy, domain = policy_loader(session)(version.digest), [policy.domain]
    other_domains, paying_domains = ([], domain) if decides_money(policy) else (domain, [])
    return governance.required_roles(
        sign_off_policy, other_domains, "change", NO_IMPACT, now.date(), paying_domains=paying_domains
    ), version


def _authority_from(policy: Policy, version: Version, result: Result) -> OverrideAuthority:
    if not isinstance(result, Decided) or len(result.outcome) != 1:
        raise OperationRejected(Message("{policy} {version} does not decide this override.", **version_name(policy)))
    values = dict(zip(policy.outcomes, result.outcome[0], strict=True))
    rule = next((each for each in policy.rules if result.rules and each.id == result.rules[0]), None)
    verdict = next(each for each in VERDICTS if each == values[VERDICT])
    max_days = min(LIMIT_DAYS, int(str(values[MAX_DAYS])))
    because = rule.because if rule is not None else None
    return OverrideAuthority(
        verdict, max_days, int(str(values[PROVISIONAL_DAYS])), version, rule.id if rule else "", because
    )


def check_overrides(policy: Policy) -> None:
    """Check that the service can use a new version of `governance/overrides`. Raises ValidationFailed."""
    if problems := list(_shape_problems(policy)):
        raise ValidationFailed(dict.fromkeys(problems))


def _shape_problems(policy: Policy) -> Iterator[str]:
    yield from verdict_problems(policy, VERDICTS)
    for outcome, highest in ((MAX_DAYS, LIMIT_DAYS), (PROVISIONAL_DAYS, MAX_DAYS_TO_SIGN)):
        declared = policy.outcomes.get(outcome)
        kind = declared.type if declared is not None else None
        if not isinstance(kind, NumberType) or kind.kind != "integer" or kind.low < 1 or kind.high > highest:
            yield Message(
                "{policy} {version} must decide `{outcome}`, a whole number from 1 to {most}.",
                **version_name(policy),
                outcome=outcome,
                most=highest,
            )
    yield from shape_problems(policy, ALWAYS_KNOWN, is_list=DECIDES_LIST, demands=DEMANDS_UNKNOWN)
