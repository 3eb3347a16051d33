"""The JSON of populations."""

from __future__ import annotations

from datetime import date, datetime

from api.web.schemas import Answer, Digest, PageModel, attribute
from policy_service.population.registered.model import FileFormat


class PopulationModel(Answer):
    """A registered population; its rows are not told."""

    id: str
    name: str
    kind: str
    as_of: date
    format: FileFormat = attribute("file_format")
    size: int = attribute("size", "bytes of the file")
    digest: Digest = attribute("digest", "of the file, as it came")
    content: Digest = attribute("content", "what work over it names: the same, until rows were removed")
    encoding: str | None
    columns: list[str] = attribute("headings")
    mapping: str
    subjects: int
    refused: int = attribute("refused", "rows that name no subject, or have another number of cells than the heading")
    removed: int = attribute("removed", "rows about subjects that were erased since")
    registered_by: str = attribute("printed_name")
    registered_at: datetime
    expires_at: datetime


PopulationPage = PageModel[PopulationModel]
