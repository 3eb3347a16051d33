"""Tests policies in a child process before this process builds them: the policies' own examples must pass.

A program that crashes or hangs the engine ends the child, and the policy is rejected with a message.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from policy_service.compilers.evaluator import Slots
from policy_service.compilers.rules_engine.child_process import SmokeTest, build_all_in_child
from policy_service.compilers.rules_engine.compile import compile_rules
from policy_service.language.core import Core, CoreRule
from policy_service.language.evaluate import Scope, holds, rule_points, scope_of
from policy_service.language.lower import lower, stand_in
from policy_service.language.outcome import missing_facts
from policy_service.language.policy import AS_OF, SCORE, Policy, Rule
from policy_service.language.types import Value, to_exact

MAX_SAMPLES = 20
"""Maximum number of examples tested per policy."""
ANY_DAY = datetime.date(2026, 1, 1)
"""The day of examples without one."""


def run_smoke_tests(policies: Sequence[Policy], *, seconds: float, cores: dict[str, Core] | None = None) -> None:
    """Build every policy in one child process, and check it against the reference evaluator on its examples.

    `cores` receives the lowered form of each policy, by digest of the version; lowering runs while the child starts.

    Raises SmokeTestFailed, naming the policy, if the engine dies, exceeds `seconds` (for all policies together) or
    answers differently; EngineLimitError if a policy exceeds a limit of the engine.
    """
    if policies:
        trials = (_smoke_tests(policy, {} if cores is None else cores) for policy in policies)
        build_all_in_child(chain.from_iterable(trials), seconds=seconds)


def _smoke_tests(policy: Policy, cores: dict[str, Core]) -> Iterator[tuple[str, SmokeTest]]:
    core = cores[policy.digest] = lower(policy)
    names = (*policy.facts, AS_OF)
    subjects = list(_subjects(policy))
    scopes = [scope_of(policy, facts, day) for facts, day in subjects]
    days = [(*map(facts.get, policy.facts), day.toordinal()) for facts, day in subjects]
    yield (
        policy.id,
        _smoke_test(core.rules, policy.rules, names, core.stand_ins, list(zip(days, scopes, strict=True))),
    )
    if (card := policy.scorecard) is not None:
        totals = [
            card.base + sum(rule_points(rule, scope, card.type) for rule in policy.rules if holds(rule.when, scope))
            for scope in scopes
        ]
        scored = [
            ((*day, total), {**scope, SCORE: to_exact(card.type, total)})
            for day, scope, total in zip(days, scopes, totals, strict=True)
        ]
        yield f"{policy.id} (bands)", _smoke_test(core.bands, card.bands, (*names, SCORE), core.stand_ins, scored)


def _smoke_test(
    core: tuple[CoreRule, ...],
    rules: tuple[Rule, ...],
    names: tuple[str, ...],
    stand_ins: Mapping[str, Value],
    subjects: Sequence[tuple[Slots, Scope]],
) -> SmokeTest:
    program, inputs = compile_rules(core, names, stand_ins)
    expected = [tuple(index for index, rule in enumerate(rules) if holds(rule.when, scope)) for _, scope in subjects]
    return SmokeTest(
        program,
        [
            (list(map(int, inputs.vector(slots))), matched)
            for (slots, _), matched in zip(subjects, expected, strict=True)
        ],
    )


def _subjects(policy: Policy) -> Iterator[tuple[Mapping[str, Value], datetime.date]]:
    """Yield a subject with arbitrary values, and those of the examples that can be decided."""
    yield {name: stand_in(fact.type) for name, fact in policy.facts.items()}, ANY_DAY
    for example in policy.examples[:MAX_SAMPLES]:
        if not missing_facts(policy, example.facts):
            day = datetime.date.fromisoformat(example.as_of) if example.as_of else ANY_DAY
            yield example.facts, day
