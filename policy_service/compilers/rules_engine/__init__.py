"""The rules engine: evaluates policies with durable-rules."""

from policy_service.compilers.rules_engine.child_process import SmokeTestFailed
from policy_service.compilers.rules_engine.compile import compile_engine
from policy_service.compilers.rules_engine.engine import EngineFault, EngineLimitError
from policy_service.compilers.rules_engine.smoke_test import run_smoke_tests

__all__ = ["EngineFault", "EngineLimitError", "SmokeTestFailed", "compile_engine", "run_smoke_tests"]
