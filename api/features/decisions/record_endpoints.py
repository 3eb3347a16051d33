"""`/v1/decisions/{decision}`: what is on record of a decision, why, whether it comes out again, and the proof of it."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Query
from pydantic import Field
from sqlmodel import Session
from starlette.responses import Response

from api.service import Service
from api.web.openapi import problems
from api.web.problems import CONFLICT
from api.web.rest_router import RestRouter
from api.web.schemas import READ_PROBLEMS, Answer, ByModel, Digest, Id, Model, UsedModel, attribute
from api.web.transactions import run_read
from policy_service.decisions.block_store import prove_decision
from policy_service.decisions.corrections import corrections_of
from policy_service.decisions.encryption import is_encrypted
from policy_service.decisions.masking import MASK
from policy_service.decisions.proof import ProofState, check_proof
from policy_service.decisions.record import DecisionRecord, decode_fact, previous_json
from policy_service.decisions.record_queries import read_decision
from policy_service.decisions.replay import explain_decision, replay
from policy_service.decisions.subjects import ERASED

Json = dict[str, Any]
Explain = Annotated[bool, Query(description="adds `trace`: why each rule did not match, as made again")]


class PreviousModel(Model):
    """An outcome that the subject had before, and the day since which it had it."""

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
    """One policy whose answer is another one now."""

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
    """The state of a record's proof: where it is sealed, and whether the proof holds; what is not known yet is null."""

    state: Annotated[ProofState, Field(description="`waiting`: not sealed and signed yet; `broken`: it does not hold")]
    reason: str | None
    seq: Annotated[int, Field(description="the record's number")]
    block: int | None
    first: Annotated[int | None, Field(description="the first record of the block")]
    last: Annotated[int | None, Field(description="the last record of the block")]
    sealed_at: datetime | None
    entry: Annotated[int | None, Field(description="the entry of the log that seals the block")]
    root: str | None
    checkpoint: Annotated[int | None, Field(description="how many entries the signed checkpoint covers")]
    signed_at: datetime | None
    key: Annotated[str | None, Field(description="the fingerprint of the key that signed it")]


def record_routes(service: Service) -> RestRouter:
    """The routes."""
    router = RestRouter("/v1/decisions/{decision}", "decisions")

    @router.get("", operation_id="get_decision", responses=problems(*READ_PROBLEMS, CONFLICT))
    async def get_decision(decision: Id, *, explain: Explain = False) -> RecordModel:
        """Return the record of a decision."""
        return await run_read(service, lambda session: _record_model(service, session, decision, with_trace=explain))

    @router.post("/replay", operation_id="replay_decision", responses=problems(*READ_PROBLEMS))
    async def replay_decision(decision: Id) -> VerdictModel:
        """Make the decision again, by the definition, from its record alone, and compare."""
        verdict = await run_read(service, lambda session: replay(session, service.fact_cipher, decision))
        return VerdictModel.model_validate(verdict.to_dict())

    @router.get(
        "/proof",
        operation_id="prove_decision",
        response_class=Response,
        responses={200: PROOF, **problems(*READ_PROBLEMS, CONFLICT)},
    )
    async def get_proof(decision: Id) -> Response:
        """The proof that the decision is in the log, for a reader who has only the public key."""
        proof = await run_read(service, lambda session: _proof(session, decision))
        return Response(msgspec.json.encode(proof), media_type="application/json")

    @router.get("/proof/state", operation_id="get_proof_state", responses=problems(*READ_PROBLEMS))
    async def get_proof_state(decision: Id) -> ProofStateModel:
        """Verify the proof that the decision is in the log, now and by the service, and return where it is sealed."""
        keys = service.settings.keys
        proof = await run_read(service, lambda session: check_proof(session, read_decision(session, decision), keys))
        return ProofStateModel.model_validate(proof)

    return router


PROOF: Json = {
    "description": "The path from the record to its block, and from the block to a signed checkpoint.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


def visible_facts(facts: Mapping[str, Any]) -> Json:
    """Facts as they may be seen: numbers by their digits, of sensitive ones only that they are there."""
    return {name: _visible_value(value) for name, value in facts.items()}


def _visible_value(value: Any) -> Any:  # noqa: ANN401  # JSON
    if is_encrypted(value):
        return MASK
    if value == ERASED:
        return ERASED
    if isinstance(value, list):
        return [_visible_value(each) for each in value]
    decoded = decode_fact(value)
    return decoded if decoded is None or isinstance(decoded, bool | int | str) else str(decoded)


def _record_model(service: Service, session: Session, decision: str, *, with_trace: bool) -> RecordModel:
    record = read_decision(session, decision)
    trace = explain_decision(session, service.fact_cipher, decision).trace if with_trace else None
    return RecordModel.from_value(
        record,
        facts=visible_facts(_mark_erased_facts(service, session, record)),
        previous=previous_json(record.previous),
        corrected_by=corrections_of(session, record),
        trace=trace,
    )


def _mark_erased_facts(service: Service, session: Session, record: DecisionRecord) -> Json:
    """The facts as kept, those marked that were erased."""
    decrypted = service.fact_cipher.readable_facts(session, record.subject, record.decision_id, record.facts)
    return {name: ERASED if decrypted[name] == ERASED else value for name, value in record.facts.items()}


def _proof(session: Session, decision: str) -> Json:
    read_decision(session, decision)
    return prove_decision(session, decision)
