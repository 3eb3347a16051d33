"""The examples of every shipped policy notice a threshold that is moved, and a comparison made strict or not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from policy_service.language.policy import Policy
from tests.effort import effort
from tests.policies.mutate import EQUIVALENT, SHARE, Report, caught, mutants, report, witness
from tests.shipped import NEWEST

POLICIES = {policy.id: policy for policy in NEWEST}
SMALL = {"rewards/period_targets", "service_levels/delivery"}
"""Policies whose grid takes no minute."""
each_policy = pytest.mark.parametrize("name", POLICIES)


@cache
def reported(name: str) -> Report:
    return report(POLICIES[name])


@pytest.mark.one_in(3)
@each_policy
def test_the_examples_notice_what_is_changed(name: str) -> None:
    result = reported(name)
    results = [f"{mutant.rule}: {mutant.change}" for mutant in result.survivors]
    assert result.share >= SHARE, results


@pytest.mark.one_in(3)
@each_policy
def test_what_is_called_equivalent_is_made_and_not_noticed(name: str) -> None:
    listed = {key for key in EQUIVALENT if key[0] == name}
    silent = [(name, mutant.rule, mutant.change) for mutant in mutants(POLICIES[name]) if not caught(mutant)]
    assert listed <= set(silent)
    assert len([key for key in silent if key in listed]) == len(listed) == reported(name).equivalent


@pytest.mark.parametrize("name", sorted({policy for policy, *_ in EQUIVALENT} & effort(SMALL, set(POLICIES))))
def test_no_subject_of_the_grid_tells_an_equivalent_from_its_policy(name: str) -> None:
    for mutant in mutants(POLICIES[name]):
        if (name, mutant.rule, mutant.change) in EQUIVALENT:
            assert witness(mutant) is None, mutant.change


def test_without_examples_nothing_is_noticed() -> None:
    silent: Policy = replace(POLICIES["tiering/importance"], examples=())
    analysis = report(silent)
    assert analysis.made == len(analysis.survivors) > 20
