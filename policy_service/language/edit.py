"""Edits policy files: adds an example, and leaves every other byte unchanged.

    examples:                                  →   examples:
      - {name: many, facts: {orders: 100}, …}        - {name: many, facts: {orders: 100}, …}
                                                     - {name: "few", facts: {"orders": 3}, …}

The example is written on one line. The result is parsed again, to check that it only adds one example.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from itertools import takewhile
from typing import Any, assert_never

import yaml

from policy_service.language.definedness import names_in
from policy_service.language.diagnostics import PolicyError
from policy_service.language.evaluate import evaluate
from policy_service.language.load import load_bytes
from policy_service.language.outcome import Conflict, Decided, MissingFacts, NoRuleMatched, Values
from policy_service.language.policy import AS_OF, Policy
from policy_service.language.types import Value, format_value
from policy_service.messages import Message

JsonValue = str | int | bool | None | list["JsonValue"] | dict[str, "JsonValue"]
"""A JSON value; decimals are texts, so that they stay exact."""

PRINTABLE = re.compile("[\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""The characters that YAML accepts unescaped, without line breaks."""


class ExampleRejected(ValueError):
    """The example was not added; the message says why."""

    def __init__(self, message: Message) -> None:
        self.message = message
        super().__init__(message)


def add_example(text: bytes, example: Mapping[str, JsonValue]) -> bytes:
    """Return the policy file with one more example, a mapping as in the file: `name`, `facts`, `outcome`, ….

    Raises ExampleRejected if the file or the example is invalid, or the name is taken.
    """
    try:
        policy = load_bytes(text)
    except PolicyError as error:
        first_error = error.render().split("\n")[0]
        raise ExampleRejected(Message("Fix the errors of the policy file first: {fault}", fault=first_error)) from None
    if any(each.name == example.get("name") for each in policy.examples):
        raise ExampleRejected(Message("The policy file has an example of this name already."))
    reason = ""
    for candidate in _candidates(
        text.decode(), f"{{{', '.join(f'{key}: {to_yaml(each)}' for key, each in example.items())}}}"
    ):
        try:
            if _adds_only_example(policy, load_bytes(candidate.encode())):
                return candidate.encode()
        except PolicyError as error:
            reason = reason or error.render().split("\n")[0]
    raise ExampleRejected(Message("The example cannot be added to the policy file: {fault}", fault=reason))


def _adds_only_example(before: Policy, after: Policy) -> bool:
    """Return True if the only difference is one more example."""
    unchanged = replace(after, digest=before.digest, text=before.text, examples=before.examples)
    return unchanged == before and after.examples[:-1] == before.examples


def to_yaml(value: JsonValue) -> str:
    """Return a value as one line of YAML. Text is always quoted, so that none is misread."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return '"' + "".join(map(_escaped, value)) + '"'
        case list():
            return f"[{', '.join(map(to_yaml, value))}]"
        case dict():
            return f"{{{', '.join(f'{to_yaml(key)}: {to_yaml(each)}' for key, each in value.items())}}}"
        case _:
            assert_never(value)


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if PRINTABLE.fullmatch(character) and character != "\t" else f"\\U{ord(character):08X}"


def example_entry(policy: Policy, facts: Mapping[str, Value], as_of: date, example_name: str) -> dict[str, JsonValue]:
    """Return an example as in a policy file: these facts, and the policy's answer."""
    entry: dict[str, Any] = {"name": example_name}
    if any(AS_OF in names_in(rule.when) for rule in policy.rules):
        entry["as_of"] = as_of.isoformat()
    entry["facts"] = {name: format_value(policy.facts[name].type, value) for name, value in facts.items()}
    result = evaluate(policy, facts, as_of)
    match result:
        case Decided():
            outcomes = [_outcome_entry(policy, values) for values in result.outcome]
            entry["outcome"] = outcomes if policy.returns_list else outcomes[0]
            entry |= {"rule": result.rules[0]} if len(result.rules) == 1 else {"rules": list(result.rules)}
        case MissingFacts():
            entry["missing"] = list(result.names)
        case NoRuleMatched():
            entry["status"] = "no_rule_matched"
        case Conflict():
            entry |= {"status": "conflict", "rules": list(result.rules)}
        case _:
            assert_never(result)
    return entry


def _outcome_entry(policy: Policy, values: Values) -> dict[str, Any]:
    pairs = zip(policy.outcomes.values(), values, strict=False)
    return {outcome.name: format_value(outcome.type, value) for outcome, value in pairs}


# ---------------------------------------------------------------------------------------------- where it belongs


def _candidates(text: str, line: str) -> Iterator[str]:
    """Yield possible results, the most natural position first; parsing decides which is right."""
    end = "\r\n" if "\r\n" in text else "\n"
    root = yaml.compose(text, yaml.SafeLoader)
    entries = [value for key, value in root.value if key.value == "examples"] if root else []
    if not entries:
        yield f"{text}{'' if text.endswith(end) else end}examples:{end}  - {line}{end}"
        return
    examples = entries[0]
    if examples.flow_style:
        yield from _in_brackets(text, examples.end_mark.index, line)
        return
    indent = " " * examples.start_mark.column
    last = examples.value[-1].end_mark.index
    region = text[: examples.end_mark.index]
    for at in (_after_content(region), _next_line(text, last), len(region)):
        head, tail = text[:at], text[at:]
        gap = "" if head.endswith(("\n", "\r")) else end
        yield f"{head}{gap}{indent}- {line}{end}{tail}"


def _in_brackets(text: str, end: int, line: str) -> Iterator[str]:
    """Yield positions before the bracket that closes the list."""
    head, tail = text[: end - 1], text[end - 1 :]
    yield f"{head.rstrip()}, {line}{tail}"
    yield f"{head.rstrip()}{line}{tail}"
    yield f"{head}, {line}{tail}"


def _after_content(region: str) -> int:
    """Return the position after the last line that is neither blank nor a comment."""
    lines = reversed(region.splitlines(keepends=True))
    trailing = takewhile(lambda line: not line.strip() or line.lstrip().startswith("#"), lines)
    return len(region) - sum(map(len, trailing))


def _next_line(text: str, index: int) -> int:
    position = text.find("\n", index)
    return len(text) if position < 0 else position + 1
