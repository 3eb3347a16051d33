"""The examples of the shipped policies notice a small mistake: each threshold moved, each end taken in or left out."""

from __future__ import annotations

import pytest

from policy_service.language.evaluate import evaluate
from policy_service.language.outcome import Decided
from policy_service.language.policy import Policy
from tests.effort import effort
from tests.policies.more_examples import MORE
from tests.policies.mutants import cases, differs, mutants, spoilt, subjects
from tests.shipped import SHIPPED

POLICIES = {policy.id: policy for policy in SHIPPED}
MOST_MISSED = 2
"""Per cent of the mistakes that no example may notice, of those that alter an answer."""
SUBJECTS = effort(300, None)
"""How many subjects of its grid a policy is asked about, to find whether a mistake alters an answer; None for all."""


def missed(policy: Policy) -> tuple[int, list[str]]:
    """How many mistakes alter an answer, and those of them that no example notices."""
    examples = [subject for subject, _ in cases(policy)]
    every = [*mutants(policy)]
    silent = [(name, mutant) for name, mutant in every if not differs(policy, mutant, examples)]
    among = subjects(policy, SUBJECTS) if silent else ()
    real = [name for name, mutant in silent if differs(policy, mutant, among)]
    return len(every) - len(silent) + len(real), real


def test_the_examples_notice_nearly_every_small_mistake() -> None:
    found = {policy.id: missed(policy) for policy in SHIPPED}
    count = sum(number for number, _ in found.values())
    silent = [f"{id_}: {name}" for id_, (_, names) in found.items() for name in names]
    assert count > 400
    assert 100 * len(silent) <= MOST_MISSED * count, "\n".join((f"{len(silent)} of {count}", *silent))


@pytest.mark.parametrize("name", MORE)
def test_an_example_beside_its_file_is_decided_by_its_rule(name: str) -> None:
    for subject, rules in cases(POLICIES[name]):
        result = evaluate(POLICIES[name], *subject)
        assert (result.rules if isinstance(result, Decided) else None) == rules, subject


def test_each_kind_of_mistake_is_made() -> None:
    row = next(rule for rule in POLICIES["tiering/absolute_value"].rules if rule.id == "S-amount-30-to-59-days")
    assert len({str(each) for each in spoilt(row.when)}) == 3 + 6  # of `> 1000000`, and of `[30..60)`
