"""`/v1/overrides`: overrides of the rules for one subject (R-GOV-4), with reason, end and a director's signature."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.auth.confirmation import reauthenticate
from api.auth.signed_writes import run_signed_command
from api.service import Service
from api.web.idempotent_writes import WriteResult, run_prepared_write, write_route
from api.web.json_body import read_json_body
from api.web.openapi import problems
from api.web.parameters import Cursor
from api.web.problems import (
    IDEMPOTENCY_KEY_REUSED,
    INVALID_PARAMETER,
    NOT_FOUND,
    OVERRIDE_UNFIT,
    REQUEST_IN_FLIGHT,
)
from api.web.rest_router import RestRouter
from api.web.schemas import (
    BODY_PROBLEMS,
    SIGNING_PROBLEMS,
    Digest,
    Model,
    PolicyName,
    SignedBody,
    SignedReason,
    UtcInstant,
)
from api.web.transactions import run_read
from api.workers.preparation import prepared_override
from policy_service.actor import Actor, Role
from policy_service.database import Transaction
from policy_service.decisions.override import MAX_REASON, Override, OverrideState
from policy_service.decisions.override_store import PAGE_SIZE, end_override
from policy_service.language.load import POLICY_ID
from policy_service.overrides import queries
from policy_service.overrides.queries import OverrideFilter, OverrideSort, OverrideStatus
from policy_service.overrides.service import OverrideRequest, record_override, sign_override
from policy_service.overrides.signature_validity import read_with_signature_validity
from policy_service.subject import CUSTOMER, KIND, MAX_ID, Subject

WRITE_PROBLEMS = (
    *(*BODY_PROBLEMS, OVERRIDE_UNFIT, INVALID_PARAMETER, *SIGNING_PROBLEMS),
    *(IDEMPOTENCY_KEY_REUSED, REQUEST_IN_FLIGHT),
)
Id = Annotated[str, Path(pattern="^[0-9a-f-]{36}$")]
OfSubject = Annotated[str | None, Query(max_length=MAX_ID, description="only exceptions for this subject")]
Kind = Annotated[str, Field(pattern=f"^{KIND.pattern}$", description="of which kind the subject is")]
OfKind = Annotated[
    str | None,
    Query(
        pattern=f"^{KIND.pattern}$",
        description=f"only exceptions for subjects of this kind; with `subject` it is `{CUSTOMER}` when it is left out",
    ),
]
OfPolicy = Annotated[
    str | None, Query(pattern=f"^{POLICY_ID.pattern}$", description="only exceptions from this policy")
]
InState = Annotated[
    OverrideStatus | None, Query(description="only exceptions that apply now, that wait for signatures, that are over")
]
Limit = Annotated[int, Query(ge=1, le=PAGE_SIZE, description="exceptions on a page")]
Outcome = Annotated[
    dict[str, Any] | list[Any], Field(description="the policy's outcome, or a list of them where it lists")
]


SignatureCounts = Annotated[
    bool, Field(description="whether its signer still has the account and the role; true once all have signed")
]
InvalidReason = Annotated[str | None, Field(description="why it does not count; its role is owed again")]


class NewOverride(SignedBody):
    """A new override: the outcome instead of the rules', its subject, reason and end, and the signature."""

    subject: str
    kind: Kind = CUSTOMER
    policy: PolicyName
    outcome: Outcome
    role: Role
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)]
    until: UtcInstant


class OverrideSignOff(SignedBody):
    """A signature of another person: in which role, on which digest, and why; and the password, if there is one."""

    role: Role
    digest: Digest
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)]


class OverrideSignatureModel(Model):
    """The signature of another person on an override."""

    by: str
    role: Role
    meaning: str
    reason: str
    digest: Digest
    signed_at: datetime
    counts: SignatureCounts
    why_not: InvalidReason


class OverrideModel(Model):
    """An override; `version` was in force when it was made."""

    override: str
    subject: str
    kind: str
    policy: str
    version: str
    outcome: Outcome
    by: str
    role: Role
    counts: SignatureCounts
    why_not: InvalidReason
    reason: str
    recorded_at: datetime
    until: datetime
    state: Annotated[OverrideState, Field(description="how it stands now")]
    verdict: Annotated[
        str | None,
        Field(description="how far its first signature reaches; null for one recorded before a policy decided that"),
    ]
    signers: Annotated[list[Role], Field(description="who must sign beside who recorded it")]
    owed: Annotated[list[Role], Field(description="who has not signed yet, or with a signature that does not count")]
    lapses_at: Annotated[datetime | None, Field(description="when it is over unless they have signed")]
    decided_by: Annotated[
        dict[str, Any] | None, Field(description="the policies of governance that say so, the rule, and its facts")
    ]
    digest: Annotated[Digest, Field(description="what is signed")]
    signatures: list[OverrideSignatureModel]
    ratified_at: Annotated[datetime | None, Field(description="when the last of them signed")]
    ended_at: datetime | None


class OverridePage(Model):
    """A page of overrides, and the cursor of the next."""

    items: list[OverrideModel]
    next_cursor: str | None


def override_routes(service: Service) -> RestRouter:
    """The routes."""
    router = RestRouter("/v1/overrides", "overrides")
    _add_reading(router, service)
    _add_commands(router, service)
    return router


def _add_reading(router: RestRouter, service: Service) -> None:
    @router.get("", operation_id="list_overrides", responses=problems(INVALID_PARAMETER))
    async def list_overrides(  # noqa: PLR0913  # the filters
        *,
        subject: OfSubject = None,
        kind: OfKind = None,
        policy: OfPolicy = None,
        state: InState = None,
        sort: OverrideSort = "-recorded",
        limit: Limit = PAGE_SIZE,
        cursor: Cursor = None,
    ) -> OverridePage:
        """Overrides, the one recorded last first by default."""
        now, subject_kind = service.now(), kind or (CUSTOMER if subject is not None else None)
        criteria = OverrideFilter(subject, subject_kind, policy, state)
        page = await run_read(
            service, lambda s: queries.list_overrides(s, criteria, now, sort=sort, cursor=cursor, limit=limit)
        )
        return OverridePage(items=[_override_model(each, now) for each in page.items], next_cursor=page.next_cursor)

    @router.get("/{override}", operation_id="get_override", responses=problems(NOT_FOUND, INVALID_PARAMETER))
    async def get_override(override: Id) -> OverrideModel:
        """One override."""
        now = service.now()
        return _override_model(
            await run_read(service, lambda session: read_with_signature_validity(session, override, now)), now
        )


def _add_commands(router: RestRouter, service: Service) -> None:
    @router.post(
        "", operation_id="record_override", **write_route(OverrideModel, WRITE_PROBLEMS, NewOverride, status=201)
    )
    async def record(request: Request) -> Response:
        """Excepts a subject from the rules of a policy, from now on."""
        body = await read_json_body(request, NewOverride)
        actor = await reauthenticate(service, request, body.password)
        payload = body.model_dump(exclude={"password", "subject", "kind"})
        override_request = OverrideRequest(Subject(body.subject, body.kind), **payload)

        async def prepare() -> Callable[[Transaction], WriteResult]:
            prepared = await prepared_override(service, actor, override_request)

            def command(transaction: Transaction) -> WriteResult:
                recorded = record_override(transaction, actor, prepared)
                return WriteResult(
                    _override_model(recorded, transaction.now), 201, {"Location": f"/v1/overrides/{recorded.id}"}
                )

            return command

        return await run_prepared_write(service, request, prepare, body)

    refusals = (*WRITE_PROBLEMS, NOT_FOUND)

    @router.post(
        "/{override}/sign-offs",
        operation_id="sign_off_override",
        **write_route(OverrideModel, refusals, OverrideSignOff, status=201),
    )
    async def sign_off(request: Request, override: Id) -> Response:
        """Signs an override that another person recorded, in a role that is owed."""

        def command(transaction: Transaction, actor: Actor, fields: dict[str, Any]) -> WriteResult:
            signed = sign_override(transaction, actor, override, **fields)
            return WriteResult(_override_model(signed, transaction.now), 201)

        return await run_signed_command(service, request, OverrideSignOff, command)

    @router.post("/{override}/end", operation_id="end_override", **write_route(OverrideModel, refusals, SignedReason))
    async def end(request: Request, override: Id) -> Response:
        """End an override now."""

        def command(transaction: Transaction, actor: Actor, fields: dict[str, Any]) -> WriteResult:
            return WriteResult(_override_model(end_override(transaction, actor, override, **fields), transaction.now))

        return await run_signed_command(service, request, SignedReason, command)


def _override_model(override: Override, now: datetime) -> OverrideModel:
    """An override at an instant."""
    signatures = [each.to_dict() | _signature_status(override, each.actor) for each in override.signatures]
    members = {**override.to_dict(), **_signature_status(override, override.actor), "signatures": signatures}
    return OverrideModel.model_validate({**members, "state": override.state(now)})


def _signature_status(override: Override, account: str) -> dict[str, object]:
    """Return the JSON members that state whether the account's signature is valid."""
    why_not = override.void.get(account)
    return {"counts": why_not is None, "why_not": why_not}
