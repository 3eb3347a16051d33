"""Compiles a policy to Python source: the second evaluator, and the standby of the engine.

def matches(slots):
    f_amount_12m, f_recency_days, f_as_of, = slots
    matched = []
    if f_recency_days < 30 and (2 * f_amount_12m + (-3) * f_mean) > 0: matched.append(0)
    …
    return matched
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policy_service.compilers.evaluator import Evaluator, Slots
from policy_service.compilers.python_text import condition_text, define_function, function_text
from policy_service.language.core import Core, CoreRule
from policy_service.language.lower import lower
from policy_service.language.policy import Policy
from policy_service.language.types import Value


class PythonMatcher:
    """Rules as one generated function."""

    def __init__(self, rules: Sequence[CoreRule], slots: Sequence[str], stand_ins: Mapping[str, Value]) -> None:
        self.source = python_source(rules, slots, stand_ins)
        self._function = define_function(self.source, "matches")

    def matches(self, slots: Slots) -> Sequence[int]:
        """Return the indices of the rules whose condition holds, ascending."""
        matched: list[int] = self._function(slots)
        return matched

    def close(self) -> None:
        """Do nothing: there are no resources."""


def python_source(rules: Sequence[CoreRule], slots: Sequence[str], stand_ins: Mapping[str, Value]) -> str:
    """Return the text of a function that returns the indices of the matching rules."""
    body = ["matched = []"]
    body += [f"if {condition_text(rule.when)}: matched.append({index})" for index, rule in enumerate(rules)]
    return function_text("matches", slots, stand_ins, [*body, "return matched"])


def compile_python(policy: Policy, core: Core | None = None) -> Evaluator:
    """Return the policy compiled to Python; `core` is its lowered form, if known."""
    return Evaluator(policy, core or lower(policy), PythonMatcher)
