"""`/v1/policies/cross-groups`: generates a policy file of cross groups from a statement."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.web.json_body import invalid_body_error, read_json_body, request_body
from api.web.openapi import problems
from api.web.problems import BUSY, CHECK_ABANDONED
from api.web.rest_router import RestRouter, ServiceOf
from api.web.schemas import BODY_PROBLEMS, Digest, Model, with_examples
from api.web.transactions import run_read
from policy_service.cross_groups import policy_file
from policy_service.cross_groups.statement import MAX_STATEMENT
from policy_service.decisions.request import format_or_null
from policy_service.errors import CrossGroupsRejected
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy


class CrossGroupsBody(Model):
    """The statement of the dimensions, and the policy to generate."""

    model_config = with_examples({"statement": "industry(it | others=rest) × scale", "policy": "tiering/my_groups"})

    statement: Annotated[str, Field(max_length=MAX_STATEMENT)]
    policy: Annotated[str, Field(max_length=130)]
    version: Annotated[str, Field(max_length=32)] = "1.0.0"
    source: Annotated[list[str], Field(max_length=100, default_factory=list)]


class CrossGroupsAnswer(Model):
    """The policy file, and the names of its groups."""

    policy: str
    version: str
    digest: Digest
    groups: list[str]
    text: str


router = RestRouter("/v1/policies", "policies")


@router.post(
    "/cross-groups",
    openapi_extra=request_body(CrossGroupsBody),
    responses=problems(*BODY_PROBLEMS, CHECK_ABANDONED, BUSY),
)
async def write_cross_groups(service: ServiceOf, request: Request) -> CrossGroupsAnswer:
    """Generate the policy file of a statement's cross groups; nothing is stored."""
    now, body = service.now(), await read_json_body(request, CrossGroupsBody)
    served = await run_read(service, lambda session: service.catalogue.heads_in_force(session, now))
    return await run_in_threadpool(_cross_groups, body, tuple(served.values()))


def _cross_groups(body: CrossGroupsBody, served: Sequence[Policy]) -> CrossGroupsAnswer:
    heading = policy_file.Heading(body.policy, body.version, tuple(body.source))
    try:
        text = policy_file.write_cross_groups(body.statement, heading, served)
    except CrossGroupsRejected as error:
        raise invalid_body_error(
            _invalid_field("/statement", body.statement, message) for message in error.errors
        ) from None
    except PolicyError as error:
        raise invalid_body_error(_invalid_field("", body.policy, each.message) for each in error.diagnostics) from None
    policy = load_bytes(text.encode())
    groups = [rule.id for rule in policy.rules]
    return CrossGroupsAnswer(policy=policy.id, version=policy.version, digest=policy.digest, groups=groups, text=text)


def _invalid_field(pointer: str, value: str, sentence: str) -> dict[str, Any]:
    return {"pointer": pointer, "code": "mistyped", "value": format_or_null(value), "expected": sentence, "hint": None}
