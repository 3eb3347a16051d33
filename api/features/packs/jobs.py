"""The making of an audit pack."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from api.features.packs.forms import PackForm, scope_of, unknown_errors
from api.service import Service
from api.workers.job_kind import FileKind, JobContext, JobKind
from api.workers.work_kinds import PACKING
from policy_service.audit.guard import start_guard
from policy_service.audit.service import current_signer
from policy_service.database import Database
from policy_service.decisions.block_store import SealingFailed
from policy_service.decisions.master_keys import MasterKeys
from policy_service.decisions.subjects import FactCipher
from policy_service.language.policy import Bilingual
from policy_service.messages import Message
from policy_service.packs.builder import PackContext, make_pack
from policy_service.packs.scope import InvalidScope

ZIP = "application/zip"
COUNT_NAMES: tuple[tuple[str, Message], ...] = (
    ("versions", Message("Versions")),
    ("changes", Message("Changes")),
    ("signatures", Message("Signatures")),
    ("suspensions", Message("Suspensions")),
    ("activations", Message("Activations")),
    ("overrides", Message("Overrides")),
    ("decisions", Message("Decisions")),
    ("replayed_same", Message("of these, replay matches")),
    ("replayed_different", Message("of these, replay differs")),
    ("replayed_not_replayable", Message("of these, not replayable")),
    ("entries", Message("Entries of the log")),
)
"""The counts of a pack, in display order."""


@dataclass(frozen=True, slots=True)
class PackSummary:
    """The summary of a pack, from its manifest."""

    counts: Mapping[str, int]
    left_out: tuple[Bilingual, ...]

    @property
    def labels(self) -> tuple[tuple[str, Message], ...]:
        """The titles of the counts, in order."""
        return tuple((name, label) for name, label in COUNT_NAMES if name in self.counts)


def run_pack(context: JobContext, form: PackForm) -> PackSummary:
    """Make a pack.

    Raises KeyUnavailable, LogNotSigned, KeyFileError, DatabaseUnavailable.
    """
    with closing(Database(context.url, keys=context.keys)) as database, database.read() as session:
        start_guard(database)
        signer = current_signer(session, context.keys)
        cipher = FactCipher(MasterKeys(context.keys))
        maker = PackContext(cipher, signer, context.requested_by, context.started_at, context.zone)
        manifest = make_pack(session, maker, scope_of(form, context.zone), context.file, context.progress.write)
        return read_summary(manifest)


def read_summary(data: Any) -> PackSummary:  # noqa: ANN401  # as JSON
    """Make a summary of its JSON, or of a manifest."""
    return PackSummary(data["counts"], tuple(Bilingual(each["zh"], each["en"]) for each in data["left_out"]))


def describe_summary(summary: PackSummary) -> dict[str, Any]:
    """Return a summary as JSON."""
    return {"counts": dict(summary.counts), "left_out": [each.to_dict() for each in summary.left_out]}


def _check_scope(_: Session, form: PackForm) -> Mapping[str, Message]:
    """Find what no pack can be about."""
    try:
        scope_of(form, ZoneInfo("UTC"))
    except InvalidScope as error:
        return {"": error.args[0]}
    return {}


def seal_records(service: Service) -> None:
    """Seal what waits: a pack proves its decisions. What was altered cannot be sealed; the pack says so."""
    with suppress(SealingFailed):
        service.sealer.seal_all()


PACK: JobKind[PackForm, PackSummary] = JobKind(
    name="pack",
    title=Message("Audit pack"),
    unit=Message("parts"),
    form=PackForm,
    run=run_pack,
    template="packs/pack.html",
    limits=PACKING,
    file=FileKind("audit-pack-{at:%Y%m%d-%H%M%S}.zip", ZIP),
    names_subjects=True,
    checks=(_check_scope, unknown_errors),
    prepare=seal_records,
    read_result=read_summary,
    describe=describe_summary,
)
