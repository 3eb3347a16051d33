"""Every exception arrives from a worker as it was raised there, with its message in both languages."""

from __future__ import annotations

import inspect
import pickle
import pkgutil
from importlib import import_module
from types import ModuleType

import pytest

import api
import policy_service
from policy_service.audit.comparison import LogMismatch
from policy_service.audit.keys import NoSigningKey
from policy_service.database import DatabaseUnavailable
from policy_service.decisions.outcomes import InvalidOutcome
from policy_service.decisions.record_queries import RecordArchived, UnknownDecision
from policy_service.decisions.subjects import FactsErased
from policy_service.errors import UnknownPolicies, UnknownSubjectKind, stack_frames
from policy_service.integrity import TamperedRecord
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import PolicyFolderError
from policy_service.messages import Message, translate
from policy_service.population.errors import PopulationRejected
from policy_service.subject import Subject
from policy_service.workers.kind import WorkAbandoned
from policy_service.workers.pickled_errors import pickle_error

REASON = Message("Good morning, {name}.", name=Message("an author"))


def to_afternoon(pattern: str) -> str:
    return pattern.replace("morning", "afternoon").replace("an author", "An author")


def modules(package: ModuleType) -> list[ModuleType]:
    names = (each.name for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))
    return [import_module(name) for name in names if ".migrations." not in name]


def exceptions() -> list[type[Exception]]:
    found = {
        kind
        for module in (*modules(policy_service), *modules(api))
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__.startswith(("policy_service.", "api."))
    }
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


def arrived(error: Exception) -> Exception:
    succeeded, result = pickle.loads(pickle_error(error))  # noqa: S301  # ours
    assert not succeeded
    assert isinstance(result, Exception)
    return result


def test_every_class_arrives_with_its_message_and_its_attributes() -> None:
    kinds = exceptions()
    assert len(kinds) > 100
    for kind in kinds:
        error = kind.__new__(kind, REASON, 7)
        error.args = (REASON, 7)
        error.__dict__.update(reason=REASON, count=7)
        result = arrived(error)
        assert type(result) is kind
        assert (result.args, vars(result)) == (error.args, vars(error))
        assert translate(result.args[0], to_afternoon) == "Good afternoon, An author."


@pytest.mark.parametrize(
    "error",
    [
        NoSigningKey(),
        LogMismatch(REASON, is_new=True),
        UnknownDecision("17"),
        RecordArchived(1, 2, "a.ndjson"),
        FactsErased(Subject("C1", "customer"), ["orders"]),
        InvalidOutcome([REASON, "no"]),
        PopulationRejected([REASON, "no"]),
        UnknownPolicies(["x/y"], {"x/y": "x/z"}),
        UnknownSubjectKind("x", ["customer"]),
        TamperedRecord("decision", "17"),
        DatabaseUnavailable("full"),
        WorkAbandoned(REASON, 30.0),
        PolicyFolderError([PolicyError("a.yaml", [])]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_that_makes_its_own_message_says_it_once(error: Exception) -> None:
    result = arrived(error)
    assert type(result) is type(error)
    assert (str(result), repr(vars(result))) == (str(error), repr(vars(error)))
    assert translate(str(result), to_afternoon) == translate(str(error), to_afternoon)
    assert stack_frames(result) == stack_frames(error) == []
