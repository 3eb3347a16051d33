"""`policy-service decide`: decides about one subject, and prints a table or JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from policy_service.cli.output import print_json, print_line, print_table
from policy_service.cli.status import EXIT_FAULT, EXIT_OK, UsageError
from policy_service.clock import DEFAULT_ZONE, SystemClock, today
from policy_service.compilers.rules_engine import SmokeTestFailed
from policy_service.decisions.answer import unrecorded_answer
from policy_service.decisions.decider import Decider
from policy_service.decisions.decision import EngineName
from policy_service.decisions.exact_json import NotJsonError
from policy_service.decisions.request import InvalidRequest, read_facts
from policy_service.errors import FactsRejected, UnknownPolicies, UnknownSubjectKind, WrongSubjectKind
from policy_service.language.benchmark_set import BenchmarkSet, load_benchmark_set
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load_folder, newest
from policy_service.language.policy import Policy
from policy_service.language.types import DateType, ValueRejected, describe_type, parse_value
from policy_service.shipped import shipped_policies
from policy_service.subject import Subject, subject_errors

MAX_FACTS = 256 * 1_024
"""Maximum size of facts, bytes; the default of the HTTP service."""
_DAY = DateType()


@dataclass(frozen=True, slots=True)
class Question:
    """The arguments of the command, as typed."""

    facts: str
    policies: Sequence[str] | None
    folder: Path | None
    as_of: str | None
    subject: str | None
    kind: str
    explain: bool
    engine: EngineName
    benchmark_set: Path | None


def run(question: Question, *, as_json: bool) -> int:
    """Print the decision, or every reason why there is none; return the exit status."""
    clock = SystemClock()
    as_of = read_day(question.as_of) if question.as_of is not None else today(clock, ZoneInfo(DEFAULT_ZONE))
    _check_subject(question.subject, question.kind)
    content = _content(question.facts)
    try:
        facts = read_facts(content)
        with Decider(read_policies(question.folder), engine=question.engine) as decider:
            decision = decider.decide(
                facts,
                as_of=as_of,
                policies=question.policies,
                kind=question.kind,
                explain=question.explain,
                benchmark_set=read_benchmark_set(question.benchmark_set),
            )
    except WrongSubjectKind as error:
        kinds = sorted(set(error.kinds.values()))
        raise UsageError(f"{error}; ask with --kind {' or '.join(kinds)}") from None
    except UnknownSubjectKind as error:
        raise UsageError(str(error)) from None
    except UnknownPolicies as error:
        hints = (
            f"no policy `{name}`" + (f", {error.hints[name]}" if name in error.hints else "") for name in error.names
        )
        raise UsageError("; ".join(hints)) from None
    except (NotJsonError, InvalidRequest, FactsRejected, PolicyError, SmokeTestFailed) as error:
        _print_refusal(error, as_json=as_json)
        return EXIT_FAULT
    payload = unrecorded_answer(decision, question.subject, question.kind, clock)
    if as_json:
        print_json(payload)
    else:
        _print_answer(payload)
    return EXIT_OK


def read_policies(folder: Path | None) -> tuple[Policy, ...]:
    """Return the newest policies of a folder, or the shipped ones. Raises PolicyError, UsageError if there are none."""
    policies = newest(load_folder(folder or shipped_policies()))
    if not policies:
        raise UsageError(f"no policy in {folder}: expected <domain>/<policy>/<version>.yaml")
    return policies


def read_benchmark_set(path: Path | None) -> BenchmarkSet | None:
    """Return the benchmark set in an option. Raises PolicyError, UsageError."""
    try:
        return None if path is None else load_benchmark_set(path)
    except OSError as error:
        raise UsageError(f"--benchmark-set {path}: {error.strerror}") from None


def _check_subject(subject: str | None, kind: str) -> None:
    """Raise UsageError if the service would reject the subject."""
    faults = subject_errors(Subject("any" if subject is None else subject, kind))
    if faults:
        raise UsageError("; ".join(f"--{part}: {fault}" for part, fault in faults.items()))


def read_day(text: str, option: str = "--as-of") -> date:
    """Return the day in an option. Raises UsageError."""
    try:
        parse_value(_DAY, text)
    except ValueRejected:
        raise UsageError(f"{option} {text[:40]!r}: expected {describe_type(_DAY)}") from None
    return date.fromisoformat(text)


def _content(path: str) -> bytes:
    try:
        if path == "-":
            content = sys.stdin.buffer.read(MAX_FACTS + 1)
        else:
            with Path(path).open("rb") as file:
                content = file.read(MAX_FACTS + 1)
    except OSError as error:
        raise UsageError(f"--facts {path}: {error.strerror}") from None
    if len(content) > MAX_FACTS:
        raise UsageError(f"--facts {path}: facts have at most {MAX_FACTS:,} bytes")
    return content


def _print_refusal(error: Exception, *, as_json: bool) -> None:
    """Print every problem because of which there is no decision."""
    if not as_json:
        print_line(f"not JSON: {error}" if isinstance(error, NotJsonError) else _lines(error))
        return
    match error:
        case FactsRejected() | InvalidRequest():
            print_json({"detail": "refused", "problems": [problem.to_dict() for problem in error.problems]})
        case PolicyError():
            print_json({"detail": "policies have faults", "problems": [fault.to_dict() for fault in error.diagnostics]})
        case _:
            print_json({"detail": str(error), "problems": []})


def _lines(error: Exception) -> str:
    if isinstance(error, InvalidRequest):
        return "\n".join(f"expected {problem.expected}" for problem in error.problems)
    return str(error)


# for people


def _print_answer(payload: Mapping[str, Any]) -> None:
    print_line(f"decided for {payload['as_of']}" + (f", {payload['subject']}" if payload["subject"] else ""))
    print_table(
        ["policy", "outcome", "rules", "because"],
        [_row(id_, entry) for id_, entry in payload["outcomes"].items()],
        lines=True,
    )
    if payload["benchmark_set"]:
        print_line(f"benchmark set: {payload['benchmark_set']}")
    if "trace" in payload:
        rows = list(_trace(payload["trace"]))
        print_table(["policy", "rule", "did not match because", "saw"], rows)


def _row(id_: str, entry: Mapping[str, Any]) -> tuple[str, str, str, str]:
    because = "\n".join(f"{reason['zh']}\n{reason['en']}" for reason in entry.get("because", ()))
    return f"{id_} {entry['version']}", _outcome(entry), format_rules(entry), because


def format_rules(entry: Mapping[str, Any]) -> str:
    """Return the rules of an answer, one per line, with titles in both languages."""
    pairs = zip_longest(entry.get("rules", ()), entry.get("titles", ()))
    return "\n".join(f"{rule}\n{title['zh']}\n{title['en']}" if title else rule for rule, title in pairs)


def _outcome(entry: Mapping[str, Any]) -> str:
    match entry["status"]:
        case "decided":
            outcome = entry["outcome"]
            return "\n\n".join(_pairs(each) for each in (outcome if isinstance(outcome, list) else [outcome]))
        case "missing_facts":
            return "missing facts: " + ", ".join(entry["missing"])
        case status:
            return str(status).replace("_", " ")


def _pairs(outcome: Mapping[str, object]) -> str:
    return "\n".join(f"{name}: {_format_value(value)}" for name, value in outcome.items())


def _format_value(value: object) -> str:
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
                    f"{name} {'missing' if value is None else _format_value(value)}"
                    for name, value in rule["saw"].items()
                )
                yield id_, rule["rule"], rule["failed"], saw
