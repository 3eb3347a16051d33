"""Versioned policy files, evaluated by a rules engine that gives reasons with its answers.

>>> from datetime import date
>>> policy = load(shipped_policies() / "tiering/region/1.0.0.yaml")
>>> with Decider([policy], engine="python") as decider:
...     decision = decider.decide({"province": "beijing"}, as_of=date(2026, 11, 21))
>>> decision.to_dict()["tiering/region"]["outcome"]
{'region': 'north'}

Names are imported on first use, so that `policy-service --help` need not load the rules engine.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_service.decisions.decider import Decider
    from policy_service.decisions.decision import Decision, PolicyDecision
    from policy_service.decisions.served_policy import Alarm, Health
    from policy_service.errors import FactProblem, FactsRejected, UnknownPolicies, UnknownSubjectKind, WrongSubjectKind
    from policy_service.language.diagnostics import Diagnostic, PolicyError
    from policy_service.language.load import load, load_bytes, load_folder, newest
    from policy_service.language.policy import Policy
    from policy_service.shipped import shipped_policies

__all__ = [
    "Alarm",
    "Decider",
    "Decision",
    "Diagnostic",
    "FactProblem",
    "FactsRejected",
    "Health",
    "Policy",
    "PolicyDecision",
    "PolicyError",
    "UnknownPolicies",
    "UnknownSubjectKind",
    "WrongSubjectKind",
    "load",
    "load_bytes",
    "load_folder",
    "newest",
    "shipped_policies",
]

_HOMES = {
    "decisions.decider": ("Decider",),
    "decisions.decision": ("Decision", "PolicyDecision"),
    "decisions.served_policy": ("Alarm", "Health"),
    "errors": ("FactProblem", "FactsRejected", "WrongSubjectKind", "UnknownSubjectKind", "UnknownPolicies"),
    "language.diagnostics": ("Diagnostic", "PolicyError"),
    "language.load": ("load", "load_bytes", "load_folder", "newest"),
    "language.policy": ("Policy",),
    "shipped": ("shipped_policies",),
}
"""The module of each public name."""


def __getattr__(name: str) -> object:
    """Import a public name. Raises AttributeError."""
    for module, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
