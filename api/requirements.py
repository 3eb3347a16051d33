"""What a caller has to give for a policy to be decided: a JSON Schema (2020-12) of the facts, and a request that works.

A fact of a policy that this one needs is asked for too; a fact that comes `from:` there is filled by the service, and
may be given. Numbers and money may be JSON numbers or text, and both are read exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, assert_never

from policy_service.language.policy import Example, Fact, Policy
from policy_service.language.requirements import needed
from policy_service.language.types import (
    MAX_TAGS,
    MAX_TEXT,
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    TextType,
    Type,
    Value,
    describe,
    write,
    write_decimal,
)
from policy_service.subject import id_fault

Json = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def requirements(policy: Policy, policies: Mapping[str, Policy], today: date) -> Json:
    """The schema and the example of one policy, among the policies it is served with."""
    return {
        "policy": policy.id,
        "version": policy.version,
        "digest": policy.digest,
        "needs": sorted(each.id for each in chain(policy, policies)[1:]),
        "schema": facts_schema(policy, policies),
        "example": example_request(policy, policies, today),
    }


def chain(policy: Policy, policies: Mapping[str, Policy]) -> list[Policy]:
    """The policy and all those it needs, directly or through others; each once."""
    found = [policy]
    for each in found:
        found += [policies[name] for name in sorted(needed(each)) if name in policies and policies[name] not in found]
    return found


def facts_schema(policy: Policy, policies: Mapping[str, Policy]) -> Json:
    """The JSON Schema of the `facts` object of a request for this policy."""
    properties: dict[str, Json] = {}
    required: set[str] = set()
    for each in chain(policy, policies):
        for fact in each.facts.values():
            schema = fact_schema(fact)
            known = properties.setdefault(fact.name, schema)
            if known != schema:
                properties[fact.name] = {"allOf": [*known.get("allOf", [known]), schema]}
            if not fact.optional and fact.requirement is None:
                required.add(fact.name)
    return {
        "$schema": DIALECT,
        "title": f"facts of {policy.id} {policy.version}",
        "type": "object",
        "properties": properties,
        "required": sorted(required),
        "additionalProperties": False,
    }


def fact_schema(fact: Fact) -> Json:
    """The JSON Schema of one fact. Null counts as not given, so a fact that may be left out may be null."""
    schema: Json = {"title": fact.title.en, "description": _description(fact), **type_schema(fact.type)}
    if fact.sensitive:
        schema["x-sensitive"] = True
    if fact.optional or fact.requirement is not None:
        shape = {key: schema.pop(key) for key in list(schema) if key not in ("title", "description", "x-sensitive")}
        schema["anyOf"] = [*shape["anyOf"], {"type": "null"}] if set(shape) == {"anyOf"} else [shape, {"type": "null"}]
    return schema


def _description(fact: Fact) -> str:
    parts = [fact.title.zh, describe(fact.type)]
    if (origin := fact.requirement) is not None:
        parts.append(f"filled by the service from {origin.policy}; give it only where that does not decide")
    if fact.measure is not None:
        parts.append(f"a figure of the whole population: {fact.measure}")
    return "; ".join(parts)


def type_schema(kind: Type) -> Json:
    """The JSON Schema of the values that a type reads."""
    match kind:
        case BooleanType():
            return {"type": "boolean"}
        case NumberType():
            return _number(kind)
        case DateType():
            return {"type": "string", "format": "date"}
        case DurationType():
            return {"type": "string", "format": "duration"}
        case ChoiceType(of=of):
            return {"enum": list(of)}
        case TextType():
            return {"type": "string", "maxLength": MAX_TEXT}
        case TagsType(of=of):
            return {"type": "array", "items": {"enum": list(of)}, "maxItems": MAX_TAGS}
        case _:
            assert_never(kind)


def _number(kind: NumberType) -> Json:
    places = rf"(\.[0-9]{{1,{kind.scale}}})?" if kind.scale else ""
    low, high = (_bound(kind, bound) for bound in (kind.low, kind.high))
    number = {"type": "number" if kind.scale else "integer", "minimum": low, "maximum": high}
    return {"anyOf": [number, {"type": "string", "pattern": f"^-?(0|[1-9][0-9]{{0,30}}){places}$"}]}


def _bound(kind: NumberType, scaled: int) -> int | float:
    """A bound as a JSON number: the nearest one inside for what JSON's readers cannot hold exactly."""
    whole, rest = divmod(scaled, 10**kind.scale)
    return float(write_decimal(scaled, kind.scale)) if rest else whole


@dataclass(frozen=True, slots=True)
class _Given:
    """What an example gives: facts as JSON."""

    facts: Mapping[str, object]
    as_of: str | None


def example_request(policy: Policy, policies: Mapping[str, Policy], today: date) -> Json | None:
    """A request that decides the policy, made of its own examples; None when it has no example that is decided."""
    for example in policy.examples:
        if example.status == "decided":
            given = _given(policy, example, policies)
            as_of = given.as_of or today.isoformat()
            subject = example.name if id_fault(example.name) is None else "example"
            asked = {"subject": subject, "kind": policy.subject, "facts": dict(given.facts)}
            return {**asked, "policies": [policy.id], "as_of": as_of}
    return None


def _given(policy: Policy, example: Example, policies: Mapping[str, Policy]) -> _Given:
    """The example's facts, outcomes of other policies replaced by facts that make these decide them."""
    facts = {name: write(policy.facts[name].type, value) for name, value in example.facts.items()}
    as_of = example.as_of
    for name, value in example.facts.items():
        origin = _origin(policy.facts[name], value, policies)
        if origin is None:
            continue
        agrees = all(facts.get(other, origin.facts[other]) == origin.facts[other] for other in origin.facts)
        if agrees and (as_of is None or origin.as_of in (None, as_of)):
            del facts[name]
            facts.update(origin.facts)
            as_of = as_of or origin.as_of
    return _Given(facts, as_of)


def _origin(fact: Fact, value: Value, policies: Mapping[str, Policy]) -> _Given | None:
    """What is given in an example of the policy the fact comes from, that decides this value."""
    source = policies.get(fact.requirement.policy) if fact.requirement else None
    if source is None or fact.requirement is None or source.lists:
        return None
    for example in source.examples:
        if isinstance(example.outcome, Mapping) and example.outcome[fact.requirement.outcome] == value:
            return _given(source, example, policies)
    return None
