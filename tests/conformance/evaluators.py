"""The evaluators under test: the definition, and every compiler that must agree with it.

A new compiler is one line here, and all written and generated cases ask it too.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Protocol

from policy_service.compilers.python_source import compile_python
from policy_service.compilers.rules_engine import compile_engine
from policy_service.language.evaluate import evaluate
from policy_service.language.outcome import Result
from policy_service.language.policy import Policy
from policy_service.language.types import Value


class Evaluator(Protocol):
    """One policy, ready to decide."""

    def evaluate(self, facts: Mapping[str, Value], as_of: datetime.date) -> Result:
        """What the policy decides."""

    def close(self) -> None:
        """Gives back what it holds."""


class Definition:
    """The definition itself."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def evaluate(self, facts: Mapping[str, Value], as_of: datetime.date) -> Result:
        return evaluate(self.policy, facts, as_of)

    def close(self) -> None:
        """It holds nothing."""


EVALUATORS: dict[str, Callable[[Policy], Evaluator]] = {
    "definition": Definition,
    "python_source": compile_python,
    "rules_engine": compile_engine,
}
COMPILED = tuple(name for name in EVALUATORS if name != "definition")
