"""`/v1/overrides`: exceptions from the rules for one subject (R-GOV-4), with reason, end and a director's signature."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.confirmation import confirmed_actor
from api.cursors import Cursor, close_cursor, open_number
from api.members import body_of, read_members
from api.openapi import problems
from api.problems import (
    BUSY,
    CONFIRMATION_NEEDED,
    IDEMPOTENCY_KEY_REUSED,
    INVALID_PARAMETER,
    NOT_FOUND,
    OVERRIDE_UNFIT,
    REQUEST_IN_FLIGHT,
    TOO_MANY_ATTEMPTS,
)
from api.reach import prepared_override
from api.rest.change_bodies import PolicyName, SignedReason, When
from api.rest.models import Digest, Model
from api.rest.session import BODY, Password
from api.service import Service
from api.transactions import reading
from api.writing import WRITE, Answer, perform, perform_prepared
from policy_service.actor import Role
from policy_service.database import Transaction
from policy_service.decisions.overrides import PAGE, end_override, read_overrides
from policy_service.decisions.overriding import MAX_REASON, OverrideState, Overriding
from policy_service.overrides.counting import as_they_count, read_as_it_counts
from policy_service.overrides.service import AskedOverride, record_override, sign_override
from policy_service.subject import CUSTOMER, KIND, MAX_ID, Subject

WRITTEN = (
    *(*BODY, OVERRIDE_UNFIT, INVALID_PARAMETER, CONFIRMATION_NEEDED, TOO_MANY_ATTEMPTS, BUSY),
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
Active = Annotated[bool, Query(description="only exceptions that apply now")]
Waiting = Annotated[bool, Query(description="only exceptions that wait for signatures now")]
Limit = Annotated[int, Query(ge=1, le=PAGE, description="exceptions on a page")]
Outcome = Annotated[
    dict[str, Any] | list[Any], Field(description="the policy's outcome, or a list of them where it lists")
]


Counts = Annotated[
    bool, Field(description="whether its signer still has the account and the role; true once all have signed")
]
WhyNot = Annotated[str | None, Field(description="why it does not count; its role is owed again")]


class NewOverride(Model):
    """What is answered instead of what the rules say, for whom, why, until when; and the signature."""

    subject: str
    kind: Kind = CUSTOMER
    policy: PolicyName
    outcome: Outcome
    role: Role
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)]
    until: When
    password: Password | None = None


class OverrideSignOff(Model):
    """A signature of another person: in which role, on which digest, and why; and the password, if there is one."""

    role: Role
    digest: Digest
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)]
    password: Password | None = None


class OverrideSignatureModel(Model):
    """The signature of another person on an exception."""

    by: str
    role: Role
    meaning: str
    reason: str
    digest: Digest
    signed_at: datetime
    counts: Counts
    why_not: WhyNot


class OverrideModel(Model):
    """An exception; `version` was in force when it was made."""

    override: str
    subject: str
    kind: str
    policy: str
    version: str
    outcome: Outcome
    by: str
    role: Role
    counts: Counts
    why_not: WhyNot
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
    """Some of the exceptions, and how to ask for the next ones."""

    items: list[OverrideModel]
    next_cursor: str | None


def override_routes(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/overrides", tags=["overrides"])
    _add_reading(router, service)
    _add_writing(router, service)
    return router


def _add_reading(router: APIRouter, service: Service) -> None:
    @router.get("", operation_id="list_overrides", responses=problems(INVALID_PARAMETER))
    async def list_overrides(  # noqa: PLR0913  # the filters
        subject: OfSubject = None,
        kind: OfKind = None,
        *,
        active: Active = False,
        waiting: Waiting = False,
        limit: Limit = PAGE,
        cursor: Cursor = None,
    ) -> OverridePage:
        """Exceptions in the order of recording."""
        now, after = service.now(), open_number(cursor) or 0
        of = kind or (CUSTOMER if subject is not None else None)

        def read(session: Session) -> tuple[list[int], list[Overriding]]:
            found = read_overrides(
                session,
                subject=subject,
                kind=of,
                active_at=now if active else None,
                waiting_at=now if waiting else None,
                after=after,
                limit=limit + 1,
            )
            return [number for number, _ in found], as_they_count(session, [each for _, each in found[:limit]], now)

        numbers, found = await reading(service, read)
        more = close_cursor(str(numbers[limit - 1])) if len(numbers) > limit else None
        return OverridePage(items=[_model(each, now) for each in found], next_cursor=more)

    @router.get("/{override}", operation_id="get_override", responses=problems(NOT_FOUND, INVALID_PARAMETER))
    async def get_override(override: Id) -> OverrideModel:
        """One exception."""
        now = service.now()
        return _model(await reading(service, lambda session: read_as_it_counts(session, override, now)), now)


def _add_writing(router: APIRouter, service: Service) -> None:
    @router.post(
        "",
        operation_id="record_override",
        status_code=201,
        response_model=OverrideModel,
        openapi_extra=body_of(NewOverride),
        dependencies=WRITE,
        responses=problems(*WRITTEN),
    )
    async def record(request: Request) -> Response:
        """Excepts a subject from the rules of a policy, from now on."""
        given = await read_members(request, NewOverride)
        actor = await confirmed_actor(service, request, given.password)
        said = given.model_dump(exclude={"password", "subject", "kind"})
        asked = AskedOverride(Subject(given.subject, given.kind), **said)

        async def prepare() -> Callable[[Transaction], Answer]:
            prepared = await prepared_override(service, actor, asked)

            def act(transaction: Transaction) -> Answer:
                made = record_override(transaction, actor, prepared)
                return Answer(_model(made, transaction.now), 201, {"Location": f"/v1/overrides/{made.id}"})

            return act

        return await perform_prepared(service, request, prepare, given)

    @router.post(
        "/{override}/sign-offs",
        operation_id="sign_off_override",
        status_code=201,
        response_model=OverrideModel,
        openapi_extra=body_of(OverrideSignOff),
        dependencies=WRITE,
        responses=problems(*WRITTEN, NOT_FOUND),
    )
    async def sign_off(request: Request, override: Id) -> Response:
        """Signs an exception that another person recorded, in a role that is owed."""
        given = await read_members(request, OverrideSignOff)
        actor = await confirmed_actor(service, request, given.password)
        said = given.model_dump(include={"role", "digest", "reason"})

        def act(transaction: Transaction) -> Answer:
            return Answer(_model(sign_override(transaction, actor, override, **said), transaction.now), 201)

        return await perform(service, request, act, given)

    @router.post(
        "/{override}/end",
        operation_id="end_override",
        response_model=OverrideModel,
        openapi_extra=body_of(SignedReason),
        dependencies=WRITE,
        responses=problems(*WRITTEN, NOT_FOUND),
    )
    async def end(request: Request, override: Id) -> Response:
        """Ends an exception now."""
        given = await read_members(request, SignedReason)
        actor = await confirmed_actor(service, request, given.password)
        said = given.model_dump(include={"role", "reason"})
        return await perform(
            service, request, lambda t: Answer(_model(end_override(t, actor, override, **said), t.now)), given
        )


def _model(overriding: Overriding, now: datetime) -> OverrideModel:
    """An exception, as it is told at an instant."""
    signatures = [each.to_dict() | _counts(overriding, each.actor) for each in overriding.signatures]
    written = {**overriding.to_dict(), **_counts(overriding, overriding.actor), "signatures": signatures}
    return OverrideModel.model_validate({**written, "state": overriding.state(now)})


def _counts(overriding: Overriding, account: str) -> dict[str, object]:
    """Whether the signature of an account counts."""
    why_not = overriding.void.get(account)
    return {"counts": why_not is None, "why_not": why_not}
