"""`/v1/decisions/{decision}`: what is on record of a decision, why, whether it comes out again, and the proof of it."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Query
from pydantic import Field
from starlette.responses import Response

from api.web.openapi import OBJECT, content, problems
from api.web.problems import CONFLICT, NOT_FOUND
from api.web.rest_router import ReadRequest, RestRouter, ServiceOf
from api.web.schemas import READ_PROBLEMS, Answer, ByModel, Digest, Id, Model, UsedModel, attribute
from api.web.transactions import run_read
from policy_service.decisions import block_store
from policy_service.decisions.corrections import corrections_of
from policy_service.decisions.encryption import is_encrypted
from policy_service.decisions.masking import MASK
from policy_service.decisions.proof import ProofState, check_proof
from policy_service.decisions.record import decode_fact, previous_json
from policy_service.decisions.record_queries import read_decision
from policy_service.decisions.replay import explain_decision, replay
from policy_service.decisions.subjects import ERASED

Json = dict[str, Any]
PROOF = "The path from the record to its block, and from the block to a signed checkpoint."
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


router = RestRouter("/v1/decisions/{decision}", "decisions")


@router.read("", NOT_FOUND, CONFLICT)
def get_decision(read: ReadRequest, decision: Id, explain: Explain = False) -> RecordModel:
    """Return the record of a decision."""
    record, cipher = read_decision(read.session, decision), read.service.fact_cipher
    decrypted = cipher.readable_facts(read.session, record.subject, record.decision_id, record.facts)
    facts = {name: ERASED if decrypted[name] == ERASED else value for name, value in record.facts.items()}
    return RecordModel.from_value(
        record,
        facts=visible_facts(facts),
        previous=previous_json(record.previous),
        corrected_by=corrections_of(read.session, record),
        trace=explain_decision(read.session, cipher, decision).trace if explain else None,
    )


@router.post("/replay", responses=problems(*READ_PROBLEMS))
async def replay_decision(service: ServiceOf, decision: Id) -> VerdictModel:
    """Make the decision again, by the definition, from its record alone, and compare."""
    verdict = await run_read(service, lambda session: replay(session, service.fact_cipher, decision))
    return VerdictModel.model_validate(verdict.to_dict())


@router.read("/proof", NOT_FOUND, CONFLICT, **content("application/json", description=PROOF, schema=OBJECT))
def prove_decision(read: ReadRequest, decision: Id) -> Response:
    """The proof that the decision is in the log, for a reader who has only the public key."""
    read_decision(read.session, decision)
    proof = block_store.prove_decision(read.session, decision)
    return Response(msgspec.json.encode(proof), media_type="application/json")


@router.read("/proof/state", NOT_FOUND)
def get_proof_state(read: ReadRequest, decision: Id) -> ProofStateModel:
    """Verify the proof that the decision is in the log, now and by the service, and return where it is sealed."""
    record = read_decision(read.session, decision)
    return ProofStateModel.from_value(check_proof(read.session, record, read.service.settings.keys))


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
