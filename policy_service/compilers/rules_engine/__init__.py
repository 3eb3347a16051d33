"""The rules engine: policies decided by durable-rules, by the one safe path."""

from policy_service.compilers.rules_engine.compile import compile_engine
from policy_service.compilers.rules_engine.engine import EngineFault, EngineLimitError
from policy_service.compilers.rules_engine.rehearsal import rehearse
from policy_service.compilers.rules_engine.trial import EngineTrialError

__all__ = ["EngineFault", "EngineLimitError", "EngineTrialError", "compile_engine", "rehearse"]
