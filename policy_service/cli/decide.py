"""`policy-service decide`: what the policies decide about one subject, as a table or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from policy_service.cli.output import say, say_json, say_table
from policy_service.cli.status import FINE, FOUND_FAULT, UsageFault
from policy_service.clock import DEFAULT_ZONE, SystemClock, today
from policy_service.compilers.rules_engine import EngineTrialError
from policy_service.decisions.answer import answer
from policy_service.decisions.decide import Decider
from policy_service.decisions.decision import EngineName
from policy_service.decisions.exact_json import NotJsonError
from policy_service.decisions.request import RequestRefused, read_facts
from policy_service.errors import FactsRefused, OtherKind, UnknownKind, UnknownPolicies
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load_folder, newest
from policy_service.language.types import DateType, ValueRefused, describe, read
from policy_service.shipped import shipped_policies
from policy_service.subject import Subject, faults_of

MAX_FACTS = 256 * 1_024
"""Bytes of facts that are read; as much as the HTTP service reads by default."""
_DAY = DateType()


@dataclass(frozen=True, slots=True)
class Question:
    """What the command was asked, as it was typed."""

    facts: str
    policies: Sequence[str] | None
    folder: Path | None
    as_of: str | None
    subject: str | None
    kind: str
    explain: bool
    engine: EngineName


def run(question: Question, *, as_json: bool) -> int:
    """Prints the decision, or every reason why there is none; gives the exit status."""
    clock = SystemClock()
    as_of = _day(question.as_of) if question.as_of is not None else today(clock, ZoneInfo(DEFAULT_ZONE))
    _check_subject(question.subject, question.kind)
    content = _content(question.facts)
    try:
        facts = read_facts(content)
        with _decider(question) as decider:
            decision = decider.decide(
                facts, as_of=as_of, policies=question.policies, kind=question.kind, explain=question.explain
            )
    except OtherKind as error:
        kinds = sorted(set(error.kinds.values()))
        raise UsageFault(f"{error}; ask with --kind {' or '.join(kinds)}") from None
    except UnknownKind as error:
        raise UsageFault(str(error)) from None
    except UnknownPolicies as error:
        hints = (
            f"no policy `{name}`" + (f", {error.hints[name]}" if name in error.hints else "") for name in error.names
        )
        raise UsageFault("; ".join(hints)) from None
    except (NotJsonError, RequestRefused, FactsRefused, PolicyError, EngineTrialError) as error:
        _refuse(error, as_json=as_json)
        return FOUND_FAULT
    told = answer(decision, question.subject, question.kind, clock)
    if as_json:
        say_json(told)
    else:
        _tell(told)
    return FINE


def _decider(question: Question) -> Decider:
    folder = question.folder or shipped_policies()
    policies = newest(load_folder(folder))
    if not policies:
        raise UsageFault(f"no policy in {folder}: expected <domain>/<policy>/<version>.yaml")
    return Decider(policies, engine=question.engine)


def _check_subject(subject: str | None, kind: str) -> None:
    """Raises UsageFault when the service would refuse the subject."""
    faults = faults_of(Subject("any" if subject is None else subject, kind))
    if faults:
        raise UsageFault("; ".join(f"--{part}: {fault}" for part, fault in faults.items()))


def _day(text: str) -> date:
    try:
        read(_DAY, text)
    except ValueRefused:
        raise UsageFault(f"--as-of {text[:40]!r}: expected {describe(_DAY)}") from None
    return date.fromisoformat(text)


def _content(path: str) -> bytes:
    try:
        if path == "-":
            content = sys.stdin.buffer.read(MAX_FACTS + 1)
        else:
            with Path(path).open("rb") as file:
                content = file.read(MAX_FACTS + 1)
    except OSError as error:
        raise UsageFault(f"--facts {path}: {error.strerror}") from None
    if len(content) > MAX_FACTS:
        raise UsageFault(f"--facts {path}: facts have at most {MAX_FACTS:,} bytes")
    return content


def _refuse(error: Exception, *, as_json: bool) -> None:
    """Tells why nothing was decided: every problem."""
    if not as_json:
        say(f"not JSON: {error}" if isinstance(error, NotJsonError) else _lines(error))
        return
    match error:
        case FactsRefused() | RequestRefused():
            say_json({"detail": "refused", "problems": [problem.to_dict() for problem in error.problems]})
        case PolicyError():
            say_json({"detail": "policies have faults", "problems": [fault.to_dict() for fault in error.diagnostics]})
        case _:
            say_json({"detail": str(error), "problems": []})


def _lines(error: Exception) -> str:
    if isinstance(error, RequestRefused):
        return "\n".join(f"expected {problem.expected}" for problem in error.problems)
    return str(error)


# for people


def _tell(told: Mapping[str, Any]) -> None:
    say(f"decided for {told['as_of']}" + (f", {told['subject']}" if told["subject"] else ""))
    say_table(
        ["policy", "outcome", "rules", "because"],
        [_row(id_, entry) for id_, entry in told["outcomes"].items()],
        lines=True,
    )
    if "trace" in told:
        rows = list(_trace(told["trace"]))
        say_table(["policy", "rule", "did not match because", "saw"], rows)


def _row(id_: str, entry: Mapping[str, Any]) -> tuple[str, str, str, str]:
    because = "\n".join(f"{reason['zh']}\n{reason['en']}" for reason in entry.get("because", ()))
    return f"{id_} {entry['version']}", _outcome(entry), rules_told(entry), because


def rules_told(entry: Mapping[str, Any]) -> str:
    """The rules of an answer, one below the other, each with its title in both languages."""
    pairs = zip_longest(entry.get("rules", ()), entry.get("titles", ()))
    return "\n".join(f"{rule}\n{title['zh']}\n{title['en']}" if title else rule for rule, title in pairs)


def _outcome(entry: Mapping[str, Any]) -> str:
    match entry["status"]:
        case "decided":
            found = entry["outcome"]
            return "\n\n".join(_pairs(each) for each in (found if isinstance(found, list) else [found]))
        case "missing_facts":
            return "missing facts: " + ", ".join(entry["missing"])
        case status:
            return str(status).replace("_", " ")


def _pairs(outcome: Mapping[str, object]) -> str:
    return "\n".join(f"{name}: {_word(value)}" for name, value in outcome.items())


def _word(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value)) or "none"
        case _:
            return str(value)


def _trace(trace: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[tuple[str, str, str, str]]:
    for id_, rules in trace.items():
        for rule in rules:
            if rule["matched"]:
                yield id_, rule["rule"], "it matched", ""
            else:
                saw = ", ".join(
                    f"{name} {'missing' if value is None else _word(value)}" for name, value in rule["saw"].items()
                )
                yield id_, rule["rule"], rule["failed"], saw
