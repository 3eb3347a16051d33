"""`/v1/regulations`: the rows of the company's regulations, and the policies in force that implement them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import Field

from api.web.rest_router import ReadRequest, RestRouter
from api.web.schemas import Answer, Model, Words, attribute
from policy_service.regulations.coverage import Coverage, RowCoverage, Status, coverage_of


class DecidingPolicy(Answer):
    """A policy in force that cites a row."""

    policy: Annotated[str, attribute("id")]
    version: str
    title: Words
    rules: list[str] = Field(description="the rules whose reasons cite the row; empty if the whole policy cites it")
    examples: list[str] = Field(description="the names of the examples that cite it")


class RowModel(Answer):
    """A row of a regulation, and its implementation."""

    id: str
    says: Words
    status: Status
    policies: list[DecidingPolicy]
    feature: Words | None = Field(description="the part of the service that meets a row that no policy decides")
    not_yet: Words | None = Field(description="why the row is not met yet")


class SectionModel(Answer):
    """Rows that belong together."""

    title: Words
    rows: list[RowModel]


class RegulationModel(Answer):
    """A regulation as of a day."""

    regulation: Annotated[str, attribute("name")]
    dated: date
    title: Words
    counts: dict[Status, int] = Field(description="rows by status")
    sections: list[SectionModel]


class RegulationList(Model):
    """All regulations, by name."""

    items: list[RegulationModel]


router = RestRouter("/v1/regulations", "policies")


@router.read("")
def list_regulations(
    read: ReadRequest, status: Annotated[Status | None, Query(description="only rows of this status")] = None
) -> RegulationList:
    """List the regulations in the folder of policies, row by row."""
    policies = read.catalogue.in_force(read.session, read.now)
    covered = [coverage_of(each, policies.values()) for each in read.service.regulations]
    return RegulationList(items=[_regulation(each, status) for each in covered])


def _regulation(coverage: Coverage, status: Status | None) -> RegulationModel:
    return RegulationModel.from_value(
        coverage.regulation,
        counts={each: coverage.count(each) for each in Status},
        sections=[
            SectionModel.from_value(section, rows=[_row(each) for each in rows if status in {None, each.status}])
            for section, rows in coverage.sections
        ],
    )


def _row(covered: RowCoverage) -> RowModel:
    policies = [
        DecidingPolicy.from_value(
            each.policy, rules=[rule.id for rule in each.rules], examples=[example.name for example in each.examples]
        )
        for each in covered.citations
    ]
    return RowModel.from_value(covered.row, status=covered.status, policies=policies)
