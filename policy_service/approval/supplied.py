"""The facts that the service itself supplies to a policy of governance, as far as the policy asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from policy_service.approval.refusals import Refused
from policy_service.language.policy import Policy
from policy_service.language.types import Value, ValueRefused, read


def read_supplied(
    policy: Policy, supplied: Mapping[str, object], refusal: Callable[[str, str, str], str]
) -> dict[str, Value]:
    """Read those of the supplied facts that the policy declares; None is a fact that is not known.

    `refusal` gives the sentence for a fact, its value and what the policy expects instead. Raises Refused.
    """
    facts: dict[str, Value] = {}
    for name, fact in policy.facts.items():
        if (value := supplied.get(name)) is None:
            continue
        try:
            facts[name] = read(fact.type, value)
        except ValueRefused as refused:
            raise Refused(refusal(name, str(value), refused.expected)) from None
    return facts
