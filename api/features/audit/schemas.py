"""The shapes of what is answered about the log."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from pydantic import BeforeValidator

from api.web.schemas import Answer, Digest, Model, PageModel, Words, attribute
from policy_service.actor import ActorKind
from policy_service.audit.events import describe_event
from policy_service.audit.log import LogEntry
from policy_service.integrity import reading_row


class DoneBy(Model):
    """The actor."""

    id: str
    kind: ActorKind
    name: str


class EntryModel(Model):
    """One entry of the log, and what it says."""

    seq: int
    at: datetime
    event: str
    by: DoneBy
    about: list[str]
    body: dict[str, Any]
    sentence: Words
    digest: Digest


class EntryDetail(EntryModel):
    """The same, with the line whose SHA-256 is the digest."""

    previous: Digest
    line: str


class EntryPage(PageModel[EntryModel]):
    """A page of entries, and the cursor of the next."""


class CheckpointModel(Answer):
    """A checkpoint: the log's length and root at an instant; `line` is what was signed."""

    size: Annotated[int, attribute("extent.size")]
    at: datetime
    root: Annotated[Digest, attribute("extent.root")]
    head: Annotated[Digest, attribute("extent.head")]
    key: Digest
    line: Annotated[str, BeforeValidator(bytes.decode)]


class CheckpointPage(PageModel[CheckpointModel]):
    """A page of checkpoints, and the cursor of the next."""


class LogFaultModel(Model):
    """The first thing that is not right."""

    sentence: str
    seq: int | None
    until: int | None
    another_log: bool = False
    """Nothing was altered: what the log was compared with belongs to another one."""


class ComparedWith(Model):
    """A place that checkpoints are copied to, and how many of them the log was compared with."""

    location: str
    checkpoints: int
    size: int | None
    at: datetime | None
    fault: str | None
    """Why the place cannot be relied on."""


class LogVerdictModel(Model):
    """The figures up to the first fault, or of the whole log when there is none."""

    fine: bool
    entries: int
    checkpoints: int
    confirmed: int
    root: Digest
    head: Digest
    key: Digest | None
    exported_at: datetime | None
    fault: LogFaultModel | None
    compared: list[ComparedWith]
    macs: int | None
    rows: int | None
    differences: int
    faults: list[LogFaultModel]


def entry_model(row: LogEntry) -> EntryModel:
    """An entry in a list. Raises DamagedRecord."""
    with reading_row("audit_entry", row.seq):
        return EntryModel.model_validate(_entry_fields(row))


def entry_detail(row: LogEntry) -> EntryDetail:
    """An entry by itself. Raises DamagedRecord."""
    with reading_row("audit_entry", row.seq):
        line = row.line.decode()
        extra = {"previous": msgspec.json.decode(line)["previous"], "line": line}
        return EntryDetail.model_validate(_entry_fields(row) | extra)


def _entry_fields(row: LogEntry) -> dict[str, Any]:
    entry = msgspec.json.decode(row.line)
    name, body = entry["by"]["name"], entry["body"]
    texts = {"zh": describe_event(row.event, name, body, "zh"), "en": describe_event(row.event, name, body, "en")}
    members = {member: entry[member] for member in ("seq", "at", "event", "by", "about", "body")}
    return {**members, "sentence": texts, "digest": row.digest}
