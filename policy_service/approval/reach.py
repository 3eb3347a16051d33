"""How far one person's override reaches: `governance/overrides`, asked like any policy, by the rules engine.

The service supplies what it knows of an override; the policy may ask for any of it:

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

and it takes the outcomes

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
from policy_service.approval.policies import loader
from policy_service.approval.refusals import Refused, Unfit
from policy_service.approval.signers import Signers, decides_money, in_force
from policy_service.approval.supplied import read_supplied
from policy_service.language.outcome import Decided, Result
from policy_service.language.policy import Bilingual, Policy
from policy_service.language.types import ChoiceType, NumberType, Value
from policy_service.registry.model import active_at
from policy_service.registry.service import activations
from policy_service.sentences import Sentence, listed

OVERRIDES = "governance/overrides"
Verdict = Literal["allowed", "provisional", "needs_signers", "refused"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
VERDICT, MAX_DAYS, PROVISIONAL_DAYS = "verdict", "max_days", "provisional_days"
LONGEST_DAYS = 366
"""The days that an override lasts at most, whatever the policy says."""
DAYS_TO_SIGN = 3
"""The days within which the others sign while no policy says how many."""
MOST_TO_SIGN = 30
"""The days that a policy may give them at most."""
ALWAYS = frozenset(
    (
        *("domain", "outcome_kind", "days", "signed", "unsigned_before"),
        *("running_of_policy", "running_of_subject", "running_of_person"),
    )
)
"""The facts that the service knows of every override."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an override reaches by the signature of who records it, and by which rule."""

    verdict: Verdict
    max_days: int
    provisional_days: int
    policy: Version | None = None
    """The version of `governance/overrides` that says so; None while there is none."""
    rule: str = ""
    because: Bilingual | None = None


DEFAULT = Reach("needs_signers", LONGEST_DAYS, DAYS_TO_SIGN)
"""What applies while no version of the policy is in force."""


def overrides_version(session: Session, now: datetime.datetime) -> Version | None:
    """The version of `governance/overrides` in force; None when there is none."""
    active = active_at(activations(session, OVERRIDES), OVERRIDES, now, now)
    return Version(active.policy, active.version, active.digest) if active is not None else None


def reach_of(session: Session, signers: Signers, facts: Mapping[str, object], now: datetime.datetime) -> Reach:
    """How far an override with these facts reaches. Slow at first. Raises Refused when that cannot be decided."""
    version = overrides_version(session, now)
    if version is None:
        return DEFAULT
    policy = loader(session)(version.digest)
    return _reach(policy, version, signers.decide(policy, _read(policy, facts), now.date()))


def signers_of(
    session: Session, signers: Signers, policy: Policy, now: datetime.datetime
) -> tuple[tuple[Role, ...], Version]:
    """Who signs a change of a policy, by which version of `governance/sign_off`. Raises Refused."""
    version = in_force(session, now)
    says, domain = loader(session)(version.digest), [policy.domain]
    plain, paying = ([], domain) if decides_money(policy) else (domain, [])
    return signers.required(says, plain, "change", None, now.date(), paying=paying), version


def _read(policy: Policy, facts: Mapping[str, object]) -> dict[str, Value]:
    """Those of the facts that the policy asks for, as the engine takes them. Raises Refused."""

    def refusal(fact: str, value: str, expected: str) -> str:
        return Sentence(
            "{policy} {version} does not decide overrides where {fact} is `{value}`: it expects {expected}.",
            policy=policy.id,
            version=policy.version,
            fact=fact,
            value=value,
            expected=expected,
        )

    return read_supplied(policy, facts, refusal)


def _reach(policy: Policy, version: Version, found: Result) -> Reach:
    if not isinstance(found, Decided) or len(found.outcome) != 1:
        raise Refused(
            Sentence("{policy} {version} does not decide this override.", policy=policy.id, version=policy.version)
        )
    values = dict(zip(policy.outcomes, found.outcome[0], strict=True))
    rule = next((each for each in policy.rules if found.rules and each.id == found.rules[0]), None)
    verdict = next(each for each in VERDICTS if each == values[VERDICT])
    longest = min(LONGEST_DAYS, int(str(values[MAX_DAYS])))
    because = rule.because if rule is not None else None
    return Reach(verdict, longest, int(str(values[PROVISIONAL_DAYS])), version, rule.id if rule else "", because)


def check_overrides(policy: Policy) -> None:
    """Whether the service could work with a new version of `governance/overrides`. Raises Unfit."""
    if wrong := list(_misshapen(policy)):
        raise Unfit(dict.fromkeys(wrong))


def _misshapen(policy: Policy) -> Iterator[str]:
    name = {"policy": policy.id, "version": policy.version}
    verdict = policy.outcomes.get(VERDICT)
    if verdict is None or not isinstance(verdict.type, ChoiceType) or not set(verdict.type.of) <= set(VERDICTS):
        yield Sentence(
            "{policy} {version} must decide `{outcome}`, one of {values}.",
            **name,
            outcome=VERDICT,
            values=listed(VERDICTS),
        )
    for outcome, most in ((MAX_DAYS, LONGEST_DAYS), (PROVISIONAL_DAYS, MOST_TO_SIGN)):
        declared = policy.outcomes.get(outcome)
        kind = declared.type if declared is not None else None
        if not isinstance(kind, NumberType) or kind.kind != "integer" or kind.low < 1 or kind.high > most:
            yield Sentence(
                "{policy} {version} must decide `{outcome}`, a whole number from 1 to {most}.",
                **name,
                outcome=outcome,
                most=most,
            )
    if policy.lists:
        yield Sentence("{policy} {version} must decide one outcome, not a list of them.", **name)
    demanded = {fact.name for fact in policy.facts.values() if not fact.optional} - ALWAYS
    if demanded:
        yield Sentence(
            "{policy} {version} demands {facts}, which the service does not know of every override.",
            **name,
            facts=listed(sorted(demanded)),
        )
