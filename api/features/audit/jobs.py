"""The long work on the log: its verification, and its export to a file."""

from __future__ import annotations

from datetime import timedelta

from api.features.audit.endpoints import LogVerdictModel
from policy_service.audit.verdict import LogVerdict
from policy_service.jobs.kind import FileKind, JobContext, JobKind, NoParameters
from policy_service.log_work import verify, write_export
from policy_service.messages import Message
from policy_service.workers.kinds import AUDITING

NDJSON = "application/x-ndjson"


def run_verification(context: JobContext, _: NoParameters) -> LogVerdict:
    """Verify the log. Raises KeyUnavailable, DatabaseUnavailable."""
    return verify(context.url, context.keys, context.copies, context.progress, context.clock)


def run_export(context: JobContext, _: NoParameters) -> None:
    """Write the log to the file. Raises KeyUnavailable, DatabaseUnavailable."""
    write_export(context.url, context.keys, context.started_at, context.file, context.progress)


VERIFICATION: JobKind[NoParameters, LogVerdict] = JobKind(
    name="verification",
    title=Message("Verification of the log"),
    unit=Message("entries, rows and records"),
    form=NoParameters,
    run=run_verification,
    limits=AUDITING,
    keep=timedelta(days=90),
    result=LogVerdict,
    describe=lambda verdict: LogVerdictModel.model_validate(verdict.to_dict()).model_dump(mode="json"),
)
EXPORT: JobKind[NoParameters, None] = JobKind(
    name="export",
    title=Message("Export of the log"),
    unit=Message("entries"),
    form=NoParameters,
    run=run_export,
    limits=AUDITING,
    file=FileKind("log.ndjson", NDJSON),
)
