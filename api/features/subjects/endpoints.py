"""`/v1/subjects/{subject}`: the decisions about a subject; erasing its sensitive facts, merging it into another.

A subject's identifier may contain slashes, as such or as `%2F`.
"""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

from api.web.problems import CONFLICT
from api.web.rest_router import ReadRequest, RestRouter, WriteRequest
from api.web.schemas import DecisionPage, KindName, Model, PolicyName, ShortReason, SignedBody, UtcInstant
from policy_service.decisions import merges, record_queries, subjects
from policy_service.decisions.record_queries import RecordFilter, RecordSort
from policy_service.subject import CUSTOMER, MAX_ID, Subject

Id = Annotated[str, Path(max_length=MAX_ID)]
OfKind = Annotated[KindName, Query(description="the kind of the subject")]
OfPolicy = Annotated[PolicyName | None, Query(description="only decisions by this policy")]
Since = Annotated[UtcInstant | None, Query(alias="from", description="only decisions at or after this instant")]
Until = Annotated[UtcInstant | None, Query(description="only decisions before this instant")]


class Erase(SignedBody):
    """The reason; and the password, if there is one."""

    reason: ShortReason


class ErasedModel(Model):
    """The erasure: the subject's sensitive facts are unreadable."""

    subject: str
    kind: str
    erased_at: datetime


class Merge(SignedBody):
    """The subject that remains, and the reason; and the password, if there is one."""

    into: Annotated[str, Field(min_length=1, max_length=MAX_ID)]
    into_kind: KindName = CUSTOMER
    reason: ShortReason


class MergedModel(Model):
    """The merge: the subject is part of another, and only that one is in group lists."""

    subject: str
    kind: str
    merged_into: str
    merged_at: datetime


router = RestRouter("/v1/subjects/{subject:text}", "subjects")


@router.list("/decisions", "decisions", sort=RecordSort, by="-decided", most=record_queries.PAGE_SIZE)
def list_decisions(
    read: ReadRequest,
    subject: Id,
    kind: OfKind = CUSTOMER,
    policy: OfPolicy = None,
    since: Since = None,
    until: Until = None,
) -> DecisionPage:
    """List the decisions about a subject, newest first by default."""
    criteria = RecordFilter(subject, policy, kind=kind, since=since, until=until)
    return DecisionPage.from_value(record_queries.list_records(read.session, criteria, **read.paging))


@router.write("/key", CONFLICT, method="DELETE")
def erase_subject(write: WriteRequest[Erase], subject: Id, kind: OfKind = CUSTOMER) -> ErasedModel:
    """Delete the key of a subject's sensitive facts. It cannot be undone; the records still verify."""
    subjects.erase_subject(write.transaction, write.actor, Subject(subject, kind), write.body.reason)
    return ErasedModel(subject=subject, kind=kind, erased_at=write.now)


@router.write("/merge", CONFLICT)
def merge_subject(write: WriteRequest[Merge], subject: Id, kind: OfKind = CUSTOMER) -> MergedModel:
    """Record that a subject is the same as another, which remains. It cannot be undone; nothing is lost."""
    into = Subject(write.body.into, write.body.into_kind)
    merges.merge_subjects(write.transaction, write.actor, Subject(subject, kind), into, write.body.reason)
    return MergedModel(subject=subject, kind=kind, merged_into=into.id, merged_at=write.now)
