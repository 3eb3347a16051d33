"""`GET /populations`: the files of facts that are registered, the newest first."""

from __future__ import annotations

from typing import cast

from sqlmodel import Session

from api.kit.frame import Frame
from api.kit.table import Table, TableColumn, TableContext, TableFilter, TableQuery
from api.kit.table_options import subject_kind_options
from policy_service.messages import Message
from policy_service.paging import Page
from policy_service.population.registered.model import RegisteredPopulation
from policy_service.population.registered.queries import PopulationSort, list_populations
from policy_service.subject import kind_label


def _read_page(session: Session, _: TableContext, query: TableQuery) -> Page[RegisteredPopulation]:
    """Return one page of the populations that the filter leaves."""
    sort = cast("PopulationSort", query.sort)
    return list_populations(session, query.filters["kind"] or None, sort=sort, cursor=query.cursor, limit=query.limit)


def _kind(population: RegisteredPopulation, frame: Frame) -> str:
    return kind_label(population.kind, frame.lang)


POPULATIONS: Table[RegisteredPopulation] = Table(
    path="/populations",
    title=Message("Populations"),
    about=Message(
        "Files of facts that the service keeps, encrypted, so that runs, benchmark figures and simulations can name "
        "them. Nobody can download them; subjects that are erased are removed from them."
    ),
    columns=(
        TableColumn("registered", Message("Registered"), lambda each, _: each.registered_at, is_sortable=True),
        TableColumn("name", Message("Name"), lambda each, _: each.name),
        TableColumn("kind", Message("Kind of subject"), _kind),
        TableColumn("as_of", Message("Facts of"), lambda each, _: each.as_of),
        TableColumn("subjects", Message("Subjects"), lambda each, _: each.subjects),
        TableColumn("refused", Message("Refused rows"), lambda each, _: each.refused),
        TableColumn("removed", Message("Erased rows"), lambda each, _: each.removed),
        TableColumn("by", Message("Registered by"), lambda each, _: each.printed_name),
        TableColumn("expires", Message("Kept until"), lambda each, _: each.expires_at),
        TableColumn("digest", Message("Digest"), lambda each, _: each.digest, is_export_only=True),
        TableColumn("id", Message("Identifier"), lambda each, _: each.id, is_export_only=True),
    ),
    filters=(TableFilter("kind", Message("Kind of subject"), "choice", subject_kind_options, Message("all kinds")),),
    sort="-registered",
    read=_read_page,
    row_id=lambda each: each.id,
    cells="populations/_cells.html",
    empty=(Message("No populations yet."), Message("Register a file with a row for each subject.")),
    no_match=Message("No matching populations."),
)
