"""A fact or an outcome whose type is wrong hides no other fault, and is not blamed a second time where it is used."""

import pytest

from policy_service import PolicyError, load_bytes

POLICY = """\
policy: tiering/types
version: 1.0.0
title: {zh: 型, en: types}
subject: customer
facts:
  amount: {type: mony, currency: CNY}
  days: {type: integer}
outcome:
  tier: {type: choise, of: [A, B]}
  bonus: {type: integer}
table:
  hit: PRIORITY
  inputs: [amount, days]
  rows:
    - {id: r, when: ["> 5", "> dais"], then: [A, "amount + nothing"], because: {zh: 因, en: because}}
examples:
  - {name: one, facts: {amount: much, days: few}, outcome: {tier: Q, bonus: 1}, rule: r}
invariants:
  - {id: monotone, says: more is better, increasing: amount, never_lowers: tier}
  - {id: always, says: always, when: amount > 5, always: tier = "A" and bonus > days}
"""


def test_every_other_fault_is_told_too() -> None:
    with pytest.raises(PolicyError) as refused:
        load_bytes(POLICY.encode())
    assert [(fault.span.line, fault.code, fault.message) for fault in refused.value.diagnostics] == [
        (6, "invalid-value", "unknown type `mony`"),
        (9, "invalid-value", "unknown type `choise`"),
        (15, "unknown-fact", "unknown fact `dais`"),
        (15, "unknown-fact", "unknown fact `nothing`"),
        (17, "example-facts", "expected a whole number, inside ±2^53 in its smallest unit, found `few`"),
    ]
