"""The facts that the service itself supplies to a policy of governance, as far as the policy asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from policy_service.approval.errors import OperationRejected
from policy_service.language.policy import Policy
from policy_service.language.types import Value, ValueRejected, parse_value


def read_governance_facts(
    policy: Policy, values: Mapping[str, object], error_message: Callable[[str, str, str], str]
) -> dict[str, Value]:
    """Read those of the supplied facts that the policy declares; None is a fact that is not known.

    `error_message` gives the sentence for a fact, its value and what the policy expects instead. Raises
    OperationRejected.
    """
    facts: dict[str, Value] = {}
    for name, fact in policy.facts.items():
        if (value := values.get(name)) is None:
            continue
        try:
            facts[name] = parse_value(fact.type, value)
        except ValueRejected as error:
            raise OperationRejected(error_message(name, str(value), error.expected)) from None
    return facts
