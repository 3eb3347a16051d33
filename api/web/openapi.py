"""The parts of the OpenAPI document that are written by hand, with examples taken from the policies that are served."""

from __future__ import annotations

from datetime import date
from typing import Any

from api.auth.permissions import PermissionTable
from api.web.problems import (
    BUSY,
    DATABASE_UNAVAILABLE,
    MEDIA_TYPE,
    NOT_ALLOWED,
    NOT_AUTHENTICATED,
    OTHER_SITE,
    PROBLEMS,
    ProblemType,
)
from policy_service import Decider
from policy_service.clock import Clock
from policy_service.compilers.json_schema.example_request import example_request
from policy_service.decisions.answer import unrecorded_answer
from policy_service.decisions.request import DECISION_ID, MAX_POLICIES
from policy_service.subject import CUSTOMER, KIND, MAX_ID

Json = dict[str, Any]

FAULT: Json = {
    "title": "Fault",
    "description": "What is wrong: where (a JSON pointer, or a parameter's name), and what was expected.",
    "type": "object",
    "properties": {
        "pointer": {"type": "string"},
        "parameter": {"type": "string"},
        "fact": {"type": "string"},
        "code": {"type": "string"},
        "value": {"type": "string"},
        "expected": {"type": "string"},
        "hint": {"type": ["string", "null"]},
    },
    "required": ["code", "value", "expected"],
    "additionalProperties": False,
}
PROBLEM: Json = {
    "title": "Problem",
    "description": "A problem detail (RFC 9457).",
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": [kind.address for kind in PROBLEMS.values()]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri"},
        "problems": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
        "hint": {"type": ["string", "null"]},
        "reasons": {"type": "array", "items": {"type": "string"}, "description": "each thing that stands against it"},
        "diagnostics": {
            "type": "array",
            "items": {"type": "object"},
            "description": "the faults of each policy file: its digest as `text`, and `faults`",
        },
        "report": {"type": "object", "description": "the analysis report"},
        "limit": {"type": "integer"},
        "supported": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["type", "title", "status", "detail", "instance"],
    "additionalProperties": False,
}
REASON: Json = {"$ref": "#/components/schemas/Words"}
POLICY_ANSWER: Json = {
    "title": "PolicyAnswer",
    "description": (
        "What one policy answers: decided, no rule matched, not evaluated for want of facts, a conflict, or suspended."
    ),
    "type": "object",
    "properties": {
        "status": {"enum": ["decided", "no_rule_matched", "missing_facts", "conflict", "suspended"]},
        "outcome": {
            "type": ["object", "array"],
            "description": "one value for each outcome; a list of them where all rules speak",
        },
        "rules": {"type": "array", "items": {"type": "string"}},
        "because": {"type": "array", "items": REASON, "description": "the reason of each of `rules`"},
        "titles": {
            "type": "array",
            "items": {"anyOf": [REASON, {"type": "null"}]},
            "description": "the title of each of `rules`, null for one without; left out where the policy has none",
        },
        "missing": {"type": "array", "items": {"type": "string"}},
        "supplied": {
            "type": "array",
            "items": {"type": "string"},
            "description": "facts the caller gave in the service's place",
        },
        "suspension": {
            "type": "string",
            "description": "of a suspended policy: the suspension by which no version of it applies",
        },
        "reason": {"type": "string", "description": "of a suspended policy: why it was suspended"},
        "overridden": {
            "type": "object",
            "description": "the exception that is answered: `override`, `by`, `role`, `reason`, `until`, `rules_said`",
        },
        "override_unfit": {
            "type": "object",
            "description": "an exception this version has no room for, so that the rules answer: `override`, `why`",
        },
        "version": {"type": "string"},
        "digest": {"type": "string"},
    },
    "required": ["status", "version", "digest"],
    "additionalProperties": False,
}
_BLANKS = r"\s\u00a0\u3000"
_FORBIDDEN = (
    r"\u0000-\u001f\u007f-\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff"
    r"\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
)
ID_PATTERN = f"^[^{_BLANKS}{_FORBIDDEN}]([^{_FORBIDDEN}]*[^{_BLANKS}{_FORBIDDEN}])?$"
"""What JSON Schema can say of the spelling of an identifier: whatever it refuses is refused, and a little more."""
DECISION_REQUEST: Json = {
    "title": "DecisionRequest",
    "type": "object",
    "properties": {
        "subject": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_ID,
            "pattern": ID_PATTERN,
            "description": "an identifier in its one spelling: no blanks around it, no blank but the space, no hidden "
            "character, no full-width letters, digits and signs, Unicode NFC; no `.` or `..` between slashes",
        },
        "kind": {
            "type": ["string", "null"],
            "pattern": f"^{KIND.pattern}$",
            "description": f"of which kind the subject is; `{CUSTOMER}` where it is left out. Policies that are left "
            "out are those about this kind, and policies that are named must be about it",
        },
        "facts": {
            "type": "object",
            "description": "each fact's value by its name; see `/v1/policies/{domain}/{policy}/requirements`",
        },
        "policies": {"type": ["array", "null"], "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_POLICIES},
        "as_of": {
            "type": ["string", "null"],
            "format": "date",
            "description": "the day to decide for; today where it is left out",
        },
        "explain": {"type": ["boolean", "null"], "description": "true: `trace` says why each rule did not match"},
        "corrects": {
            "type": ["string", "null"],
            "format": "uuid",
            "pattern": f"^{DECISION_ID.pattern}$",
            "description": "the decision about the same subject and day that was made on wrong facts",
        },
    },
    "required": ["subject", "facts"],
    "additionalProperties": False,
}
DECISION_ANSWER: Json = {
    "title": "DecisionAnswer",
    "type": "object",
    "properties": {
        "decision_id": {"type": ["string", "null"], "format": "uuid", "description": "null of a preview"},
        "subject": {"type": "string"},
        "kind": {"type": "string"},
        "as_of": {"type": "string", "format": "date"},
        "decided_at": {"type": "string", "format": "date-time"},
        "outcomes": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/PolicyAnswer"}},
        "benchmark_set": {"type": ["string", "null"]},
        "trace": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "object"}}},
    },
    "required": ["decision_id", "subject", "kind", "as_of", "decided_at", "outcomes", "benchmark_set"],
    "additionalProperties": False,
}
BATCH_REFUSAL: Json = {
    "title": "BatchRefusal",
    "description": "The answer to a line of a batch that was refused.",
    "type": "object",
    "properties": {
        "line": {"type": "integer", "minimum": 1, "description": "its number; blank lines count"},
        "subject": {"type": ["string", "null"], "description": "whom it is about; null when that cannot be read"},
        "problem": {"$ref": "#/components/schemas/Problem"},
    },
    "required": ["line", "subject", "problem"],
    "additionalProperties": False,
}
SCHEMAS = {
    "Fault": FAULT,
    "Problem": PROBLEM,
    "PolicyAnswer": POLICY_ANSWER,
    "DecisionRequest": DECISION_REQUEST,
    "DecisionAnswer": DECISION_ANSWER,
    "BatchRefusal": BATCH_REFUSAL,
}
CREDENTIALS: Json = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "an API key, or the token of a session"},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "policy_service_session",
        "description": "a browser's session; over TLS its name begins with `__Host-`",
    },
}


def problems(*kinds: ProblemType) -> dict[int | str, Json]:
    """The documented errors of a route, one entry a status."""
    responses: dict[int | str, Json] = {}
    for kind in kinds:
        entry = responses.setdefault(
            kind.status, {"description": "", "content": {MEDIA_TYPE: {"schema": _reference("Problem")}}}
        )
        entry["description"] = "; ".join(filter(None, [entry["description"], f"`{kind.address}`: {kind.title}"]))
    return responses


def document_access(document: Json, table: PermissionTable) -> None:
    """Write into the document which credential each operation takes, and how it is refused without."""
    document["components"]["securitySchemes"] = CREDENTIALS
    refusals = problems(NOT_AUTHENTICATED, NOT_ALLOWED, OTHER_SITE, DATABASE_UNAVAILABLE, BUSY)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if table.documented[method.upper(), path].authenticated:
                operation["security"] = [{name: []} for name in CREDENTIALS]
                responses = operation["responses"]
                for status, entry in refusals.items():
                    documented = responses.get(str(status), {}).get("description", "")
                    parts = (*documented.split("; "), *str(entry["description"]).split("; "))
                    description = "; ".join(dict.fromkeys(filter(None, parts)))
                    responses[str(status)] = {**entry, "description": description}


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "1 to 200 visible ASCII characters; the same request again gets the same answer",
    "schema": {"type": "string"},
}

RECORD: Json = {
    "name": "record",
    "in": "query",
    "required": False,
    "description": "`false`: a preview, which is recorded nowhere",
    "schema": {"type": "boolean", "default": True},
}


def _lines(*names: str) -> Json:
    """NDJSON whose lines are each one of the named schemas."""
    line: Json = {"anyOf": [_reference(name) for name in names]}
    return {"application/x-ndjson": {"schema": {"type": "string", "x-line": line}}}


BATCH: Json = {
    "parameters": [
        {
            **IDEMPOTENCY_KEY,
            "description": (
                "1 to 200 visible ASCII characters; the same batch again gets the same answers, and what was not "
                "decided is decided now. From a line on that is not the one that was answered nothing is decided"
            ),
        }
    ],
    "requestBody": {
        "required": True,
        "description": "A request a line, each as for `POST /v1/decisions`. All may be sent before answers are read.",
        "content": _lines("DecisionRequest"),
    },
}
BATCH_ANSWER: Json = {
    "description": (
        "An answer a line, in the order of the requests; a line that is refused is told by its number, its subject and "
        "the problem that a single request would be told."
    ),
    "content": _lines("DecisionAnswer", "BatchRefusal"),
}
CHECK_BODY: Json = {
    "requestBody": {
        "required": True,
        "description": "A policy file.",
        "content": {"application/yaml": {"schema": {"type": "string"}}},
    }
}
VERSION_ANSWERS: dict[int | str, Json] = {
    200: {
        "content": {
            "application/yaml": {"schema": {"type": "string", "description": "the file, byte for byte"}},
            "text/plain": {"schema": {"type": "string", "description": "the policy in prose"}},
        }
    },
    304: {"description": "The version is the one whose ETag was sent in If-None-Match."},
}


def decisions_path(decider: Decider, clock: Clock, day: date) -> Json:
    """The path item of `POST /v1/decisions`, with examples that are decided on a day."""
    requests = request_examples(decider, day)
    refusals = [
        PROBLEMS[name]
        for name in (
            *("malformed-json", "body-too-large", "unsupported-media-type", "request-refused", "facts-refused"),
            *("invalid-parameter", "idempotency-key-reused", "request-in-flight", "not-ready", "busy"),
        )
    ]
    return {
        "post": {
            "operationId": "decide",
            "tags": ["decisions"],
            "summary": "Decide about one subject",
            "description": (
                "Policies that those asked for need are decided too, and answered when they decide. "
                "What is answered is on record, unless it is a preview."
            ),
            "parameters": [IDEMPOTENCY_KEY, RECORD],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _reference("DecisionRequest"), "examples": requests}},
            },
            "responses": {
                "200": {
                    "description": "What was decided",
                    "content": {
                        "application/json": {
                            "schema": _reference("DecisionAnswer"),
                            "examples": answer_examples(decider, clock, requests),
                        }
                    },
                },
                **{str(status): entry for status, entry in problems(*refusals, PROBLEMS["internal-error"]).items()},
            },
        }
    }


def request_examples(decider: Decider, day: date) -> Json:
    """For each policy a request that decides it, from the policy's own examples."""
    policies = decider.policies
    examples = {id_: example_request(policy, policies, day) for id_, policy in sorted(policies.items())}
    return {
        id_: {"summary": policies[id_].title.en, "value": value} for id_, value in examples.items() if value is not None
    }


def answer_examples(decider: Decider, clock: Clock, requests: Json) -> Json:
    """The answers to those requests, made by deciding them."""
    return {id_: {"value": example_answer(decider, clock, each["value"])} for id_, each in requests.items()}


def example_answer(decider: Decider, clock: Clock, request: Json) -> Json:
    """Return the response to an example request."""
    as_of, policies = date.fromisoformat(request["as_of"]), request["policies"]
    decision = decider.decide(request["facts"], as_of=as_of, policies=policies, kind=request["kind"])
    return unrecorded_answer(decision, request["subject"], request["kind"], clock)
