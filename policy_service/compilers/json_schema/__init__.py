"""The JSON Schema (2020-12) of the facts of a policy.

The schema accepts exactly the values that the policy accepts, and requires the facts needed for a decision: those of a
required policy, or the facts taken `from:` it. A schema cannot express that a fact contradicts another policy's
decision, or that no rule matches.

Numbers and money may be JSON numbers or text; both are parsed exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, assert_never

from policy_service.compilers.json_schema.patterns import CALENDAR_DAY, date_pattern, duration_pattern, number_pattern
from policy_service.language.policy import Fact, Policy
from policy_service.language.requirements import with_required_policies
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
    describe_type,
    write_decimal,
)

Json = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_DESCRIPTION = (
    "Facts are valid here when and only when the policy can be evaluated with them. Numbers are exact decimals, for a "
    "validator too: 0.1 is one tenth. A pattern means what ECMA-262 says, and says in full what `format` only notes. "
    "One thing is not said here: a fact that another policy decides must agree with it."
)


def facts_schema(policy: Policy, policies: Mapping[str, Policy], max_facts: int) -> Json:
    """Return the JSON Schema of the facts of this policy, among the policies served with it.

    `max_facts` is the maximum number of facts in a request. Numbers with decimals are Decimal, to be encoded as JSON
    numbers digit by digit.
    """
    needs = _required_facts(policy, policies)
    properties: dict[str, Json] = {}
    for each in with_required_policies(policy, policies):
        for fact in each.facts.values():
            schema = fact_schema(fact, may_be_null=fact.name not in needs["required"])
            existing = properties.setdefault(fact.name, schema)
            if existing != schema:
                properties[fact.name] = {"allOf": [*existing.get("allOf", [existing]), schema]}
    return {
        "$schema": DIALECT,
        "title": f"facts of {policy.id} {policy.version}",
        "description": SCHEMA_DESCRIPTION,
        "type": "object",
        **needs,
        "properties": properties,
        "propertyNames": {"enum": sorted({name for each in (policy, *policies.values()) for name in each.facts})},
        "maxProperties": max_facts,
    }


def _required_facts(policy: Policy, policies: Mapping[str, Policy]) -> Json:
    """Return the schema of the required facts: a fact from another policy, or the facts which that policy needs."""
    needed_facts = [fact for fact in policy.facts.values() if not fact.optional]
    needs = _required(*(fact.name for fact in needed_facts if fact.requirement is None))
    conditions = []
    for fact in needed_facts:
        if fact.requirement is not None:
            source = policies.get(fact.requirement.policy)
            conditions.append(
                {"anyOf": [_required(fact.name), *([_required_facts(source, policies)] if source else [])]}
            )
    return {**needs, "allOf": conditions} if conditions else needs


def _required(*names: str) -> Json:
    """Return the schema of given facts: null counts as not given."""
    return {"required": sorted(names), "properties": {name: {"not": {"type": "null"}} for name in sorted(names)}}


def fact_schema(fact: Fact, *, may_be_null: bool) -> Json:
    """Return the JSON Schema of one fact."""
    kind = type_schema(fact.type)
    if may_be_null:
        kind = {"anyOf": [*(kind["anyOf"] if set(kind) == {"anyOf"} else [kind]), {"type": "null"}]}
    schema: Json = {"title": fact.title.en, "description": _description(fact), **kind}
    if fact.sensitive:
        schema["x-sensitive"] = True
    return schema


def _description(fact: Fact) -> str:
    parts = [fact.title.zh, describe_type(fact.type)]
    if (origin := fact.requirement) is not None:
        parts.append(f"filled by the service from {origin.policy}; give it only where that does not decide")
    if fact.previous is not None:
        parts.append(f"filled by the service from {fact.previous}; give it only before the first decision")
    if fact.measure is not None:
        parts.append(f"a figure of the whole population: {fact.measure}")
    return "; ".join(parts)


def type_schema(kind: Type) -> Json:
    """Return the JSON Schema of exactly the values that a type accepts."""
    match kind:
        case BooleanType():
            return {"type": "boolean"}
        case NumberType():
            return {"anyOf": [_number(kind), {"type": "string", "pattern": number_pattern(kind)}]}
        case DateType():
            pattern = {"pattern": date_pattern(kind)}
            return {"type": "string", "format": "date", "pattern": CALENDAR_DAY, "allOf": [pattern]}
        case DurationType():
            return {"type": "string", "format": "duration", "pattern": duration_pattern(kind)}
        case ChoiceType(of=of):
            return {"enum": list(of)}
        case TextType():
            return {"type": "string", "maxLength": MAX_TEXT}
        case TagsType(of=of):
            return {"type": "array", "items": {"enum": list(of)}, "maxItems": MAX_TAGS}
        case _:
            assert_never(kind)


def _number(kind: NumberType) -> Json:
    """Return the JSON numbers of a type."""
    low, high = (Decimal(write_decimal(bound, kind.scale)) for bound in (kind.low, kind.high))
    if not kind.scale:
        return {"type": "integer", "minimum": int(low), "maximum": int(high)}
    return {"type": "number", "multipleOf": Decimal(1).scaleb(-kind.scale), "minimum": low, "maximum": high}
