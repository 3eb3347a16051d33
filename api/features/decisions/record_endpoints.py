"""`/v1/decisions`: decisions on record and their counts; a decision's record, replay and proof."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Path, Query
from pydantic import BeforeValidator, Field
from starlette.responses import Response

from api.web.openapi import OBJECT, content, problems
from api.web.problems import CONFLICT, NOT_FOUND, UNKNOWN_POLICY, invalid_parameters_error, parameter_fault
from api.web.rest_router import ReadRequest, RestRouter, ServiceOf
from api.web.schemas import (
    READ_PROBLEMS,
    Answer,
    ByModel,
    DecisionPage,
    Digest,
    Id,
    KindName,
    Model,
    PolicyName,
    UsedModel,
    UtcInstant,
    attribute,
)
from api.web.transactions import run_read
from policy_service.decisions import block_store
from policy_service.decisions.answer_counts.queries import answer_totals
from policy_service.decisions.corrections import corrections_of
from policy_service.decisions.proof import ProofState, check_proof
from policy_service.decisions.record import previous_json
from policy_service.decisions.record_queries import (
    PAGE_SIZE,
    RecordFilter,
    RecordSort,
    list_records,
    read_decision,
    seq_range,
)
from policy_service.decisions.recorded_facts import masked_record
from policy_service.decisions.replay import explain_decision, replay

Json = dict[str, Any]
PROOF = "The path from the record to its block, and from the block to a signed checkpoint."
Explain = Annotated[bool, Query(description="adds `trace`: why each rule did not match, evaluated again")]
OfKind = Annotated[KindName | None, Query(description="only decisions about subjects of this kind")]
OfPolicy = Annotated[PolicyName | None, Query(description="only decisions by this policy")]
OfOutcome = Annotated[
    str | None,
    Query(max_length=400, description="only decisions with this answer, such as `tier:S` or `missing_facts`"),
]
OfRule = Annotated[str | None, Query(max_length=64, description="only decisions by this rule of the policy")]
Since = Annotated[UtcInstant | None, Query(alias="from", description="only decisions at or after this instant")]
Until = Annotated[UtcInstant | None, Query(description="only decisions before this instant")]
Name = Annotated[str, Path(max_length=64)]


def _null_if_empty(value: object) -> object:
    return value or None


class AnswerTotalModel(Answer):
    """The number of decisions with an answer, by one rule, or by any if `rule` is null."""

    group: Annotated[str, attribute("group.name", "the answer, as the parameter `outcome` of /v1/decisions takes it")]
    status: Annotated[str, attribute("group.status")]
    outcome: Annotated[dict[str, Any] | None, attribute("group.values"), BeforeValidator(_null_if_empty)]
    rule: Annotated[str | None, BeforeValidator(_null_if_empty)]
    decisions: int


class AnswerTotalsModel(Answer):
    """The answer counts of a policy; a decision by several rules counts once for each."""

    policy: str
    items: list[AnswerTotalModel]
    uncounted: Annotated[
        int, Field(description="number of the newest decisions, of all policies, that are not counted yet")
    ]


class PreviousModel(Model):
    """A previous outcome of the subject, and the day since which it holds."""

    value: str | bool
    since: date


class RecordModel(Answer):
    """A decision record. A sensitive fact is shown as present or erased, without its value."""

    decision_id: str
    seq: int
    subject: Annotated[str, attribute("subject.id")]
    kind: Annotated[str, attribute("subject.kind")]
    as_of: date
    decided_at: datetime
    by: ByModel
    facts: Json
    asked: Annotated[list[str], attribute("requested")]
    explain: bool
    policies: dict[str, UsedModel]
    outcomes: Json
    engine: dict[str, str]
    benchmark_set: Digest | None
    overrides: list[str]
    previous: Annotated[
        dict[str, dict[str, PreviousModel]],
        Field(description="the subject's own last outcomes that policies read, by policy and outcome"),
    ]
    corrects: Annotated[str | None, Field(description="the decision on wrong facts that this one corrects")]
    corrected_by: Annotated[list[str], Field(description="the decisions that correct this one, the newest last")]
    trace: Json | None = None


class DifferenceModel(Model):
    """One policy whose answer differs."""

    policy: str
    recorded: Json | None
    replayed: Json | None


class VerdictModel(Model):
    """The result of a replay."""

    decision_id: str
    verdict: Literal["same", "different", "not_replayable"]
    why: str | None
    differences: list[DifferenceModel]
    engine: Literal["definition"]
    policies: dict[str, UsedModel] | None


class ProofStateModel(Answer):
    """The proof of a record: where it is sealed, and whether it is valid. Null for what is not known yet."""

    state: Annotated[
        ProofState, Field(description="`waiting`: not sealed and signed yet; `broken`: the proof is invalid")
    ]
    reason: str | None
    seq: Annotated[int, Field(description="the record's number")]
    block: int | None
    first: Annotated[int | None, Field(description="the first record of the block")]
    last: Annotated[int | None, Field(description="the last record of the block")]
    sealed_at: datetime | None
    entry: Annotated[int | None, Field(description="the entry of the log that seals the block")]
    root: str | None
    checkpoint: Annotated[int | None, Field(description="number of entries that the signed checkpoint covers")]
    signed_at: datetime | None
    key: Annotated[str | None, Field(description="the fingerprint of the key that signed it")]


router = RestRouter("/v1", "decisions")


@router.list("/decisions", "decisions", sort=RecordSort, by="-decided", most=PAGE_SIZE)
def list_all_decisions(
    read: ReadRequest,
    kind: OfKind = None,
    policy: OfPolicy = None,
    outcome: OfOutcome = None,
    rule: OfRule = None,
    since: Since = None,
    until: Until = None,
) -> DecisionPage:
    """List the decisions about all subjects; a page may hold few, or none, and still have a cursor."""
    _check_policy_named(policy, outcome=outcome, rule=rule)
    criteria = RecordFilter(policy=policy, kind=kind, since=since, until=until, outcome=outcome, rule=rule)
    return DecisionPage.from_value(list_records(read.session, criteria, **read.paging))


@router.read("/policies/{domain}/{policy}/answers", UNKNOWN_POLICY)
def count_answers(
    read: ReadRequest, domain: Name, policy: Name, since: Since = None, until: Until = None
) -> AnswerTotalsModel:
    """Count the decisions of a policy by answer and by rule."""
    name = f"{domain}/{policy}"
    read.catalogue.snapshot(read.session).versions_of(name)
    totals = answer_totals(read.session, name, seq_range(read.session, since, until))
    return AnswerTotalsModel.from_value(totals)


@router.read("/decisions/{decision}", NOT_FOUND, CONFLICT)
def get_decision(read: ReadRequest, decision: Id, explain: Explain = False) -> RecordModel:
    """Return the record of a decision."""
    record, cipher = read_decision(read.session, decision), read.service.fact_cipher
    readable = cipher.readable_facts(read.session, record.subject, record.decision_id, record.facts)
    return RecordModel.from_value(
        record,
        facts=masked_record(record.facts, readable),
        previous=previous_json(record.previous),
        corrected_by=corrections_of(read.session, record),
        trace=explain_decision(read.session, cipher, decision).trace if explain else None,
    )


@router.post("/decisions/{decision}/replay", responses=problems(*READ_PROBLEMS))
async def replay_decision(service: ServiceOf, decision: Id) -> VerdictModel:
    """Replay the decision with the reference evaluator, from its record alone, and compare."""
    verdict = await run_read(service, lambda session: replay(session, service.fact_cipher, decision))
    return VerdictModel.model_validate(verdict.to_dict())


@router.read(
    "/decisions/{decision}/proof", NOT_FOUND, CONFLICT, **content("application/json", description=PROOF, schema=OBJECT)
)
def prove_decision(read: ReadRequest, decision: Id) -> Response:
    """Return the proof that the decision is in the log, for a reader who only has the public key."""
    read_decision(read.session, decision)
    proof = block_store.prove_decision(read.session, decision)
    return Response(msgspec.json.encode(proof), media_type="application/json")


@router.read("/decisions/{decision}/proof/state", NOT_FOUND)
def get_proof_state(read: ReadRequest, decision: Id) -> ProofStateModel:
    """Verify now that the decision is in the log, and return where it is sealed."""
    record = read_decision(read.session, decision)
    return ProofStateModel.from_value(check_proof(read.session, record, read.service.settings.keys))


def _check_policy_named(policy: str | None, **filters: str | None) -> None:
    """Raise ProblemError if an answer or a rule is filtered without a policy."""
    names = [name for name, value in filters.items() if value is not None]
    if policy is None and names:
        raise invalid_parameters_error(parameter_fault(name, filters[name], "`policy`, whose it is") for name in names)
