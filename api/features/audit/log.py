"""`/audit`: the log, newest or oldest first, filtered by event, actor, object and day."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlmodel import Session

from api.auth.permissions import PERMISSIONS
from api.features.audit.entry import AuditEntryView, EntryDescriber, EntryObject
from api.features.audit.jobs import VERIFICATION
from api.kit.context import PageContext
from api.kit.forms import FormState
from api.kit.table import Table, TableColumn, TableFilter, TableQuery
from policy_service.access import check_permission
from policy_service.audit.comparison import recorded_difference
from policy_service.audit.guard import unused_rows
from policy_service.audit.labels import EVENT_NAMES
from policy_service.audit.log import EntryFilter, find_object, last_entry
from policy_service.audit.queries import list_entries
from policy_service.audit.service import last_checkpoint
from policy_service.audit.verdict import LogVerdict
from policy_service.clock import instants_between
from policy_service.identity.queries import find_actor
from policy_service.jobs.model import Job
from policy_service.jobs.queries import last_done
from policy_service.messages import Message
from policy_service.paging import Page


@dataclass(frozen=True, slots=True)
class LogOverview:
    """The summary shown above the entries."""

    verify_form: FormState
    export_form: FormState
    size: int
    """The number of entries."""
    signed_size: int
    """The number of entries up to the last checkpoint."""
    may_verify: bool | str
    """True if the reader may verify the log, or the reason why not."""
    last_job: Job | None
    """The last genuine verification job; None if there is none."""
    verdict: LogVerdict | None
    """Its result."""
    difference: str | None
    """The mismatch because of which nothing is signed any more."""
    unused_rows: tuple[str, ...]
    """A message for each row that does not match the log, as far as known to this process."""


def _entry_filter(session: Session, query: TableQuery, zone: ZoneInfo) -> EntryFilter | None:
    """Return the filter of the log; None if it names something unknown."""
    by, about_text = query.filters["by"], query.filters["about"]
    about = find_object(session, about_text) if about_text else None
    if about_text and about is None:
        return None
    actor = find_actor(session, by) if by else None
    since, until = instants_between(query.day("since"), query.day("until"), zone)
    return EntryFilter(query.filters["event"] or None, actor, about, since, until)


def _read_page(session: Session, context: PageContext, query: TableQuery) -> Page[AuditEntryView]:
    """Return one page of the log; empty if a filter names something unknown."""
    criteria = _entry_filter(session, query, context.service.zone)
    if criteria is None:
        return Page(())
    page = list_entries(session, criteria, **query.paging)
    return Page(EntryDescriber(context).describe(session, page.items), page.next_cursor)


def _object_name(named: EntryObject) -> Message:
    return Message("{thing} {name}", thing=named.thing, name=named.name)


def _read_overview(session: Session, context: PageContext) -> LogOverview:
    """Return the summary above the entries."""
    newest, checkpoint = last_entry(session), last_checkpoint(session)
    job, jobs = last_done(session, VERIFICATION.name), context.pages.jobs
    job = job if job and jobs.is_genuine(job) else None
    return LogOverview(
        verify_form=context.new_form(),
        export_form=context.new_form(),
        size=newest.seq if newest else 0,
        signed_size=checkpoint.extent.size if checkpoint else 0,
        may_verify=check_permission(context.actor, PERMISSIONS["POST", "/audit/verifications"]),
        last_job=job,
        verdict=jobs.result_of(job) if job else None,
        difference=recorded_difference(session),
        unused_rows=unused_rows(context.service.database),
    )


AUDIT_LOG: Table[AuditEntryView] = Table(
    path="/audit",
    title=Message("Audit log"),
    about=Message("Every action on record. Each entry is sealed by the next, so that a change or removal is detected."),
    columns=(
        TableColumn("seq", Message("No."), lambda each, _: each.seq, is_sortable=True),
        TableColumn("at", Message("When"), lambda each, _: each.at),
        TableColumn("event", Message("Event"), lambda each, _: each.name),
        TableColumn("by", Message("Actor"), lambda each, _: each.by),
        TableColumn("description", Message("What happened"), lambda each, _: each.sentence),
        TableColumn("about", Message("About"), lambda each, _: list(map(_object_name, each.about))),
        TableColumn("id", Message("Identifier"), lambda each, _: each.seq, is_export_only=True),
    ),
    filters=(
        TableFilter("event", Message("Event"), "choice", tuple(EVENT_NAMES.items()), Message("all events")),
        TableFilter("by", Message("Actor"), placeholder=Message("account or key")),
        TableFilter("about", Message("About"), placeholder=Message("policy, change, subject …")),
        TableFilter("since", Message("From"), "day"),
        TableFilter("until", Message("To (inclusive)"), "day"),
    ),
    sort="-seq",
    read=_read_page,
    row_id=lambda each: str(each.seq),
    cells="audit/_cells.html",
    empty=(Message("The log is empty."), Message("It begins at set-up.")),
    no_match=Message("No matching entries."),
    css_class="entries",
    read_extra=_read_overview,
)
