"""`init --effective DAY --evidence FILE`: drafts the change by which the directors sign the imported versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from policy_service.actor import Actor
from policy_service.approval.change import Change
from policy_service.approval.drafts import begin_first_versions
from policy_service.approval.errors import ValidationFailed
from policy_service.approval.evidence import MAX_EVIDENCE_BYTES
from policy_service.cli.decide import read_day
from policy_service.cli.status import UsageError
from policy_service.clock import DEFAULT_ZONE, midnight
from policy_service.database import Transaction

TITLE = "首批版本的签署 / First versions to sign"
REASON = (
    "系统启用前已经施行、初始化时导入的版本，自所述日期起生效，依据见附件。"
    " / The versions imported at set-up were in force before, from the stated day; the evidence is attached."
)


@dataclass(frozen=True, slots=True)
class FirstVersions:
    """The day from which the imported versions are in force, and the evidence file."""

    start: datetime
    file_name: str
    content: bytes

    def draft(self, transaction: Transaction, actor: Actor) -> Change:
        """Draft the change. Raises UsageError with every error."""
        try:
            return begin_first_versions(
                transaction,
                actor,
                title=TITLE,
                reason=REASON,
                start=self.start,
                file_name=self.file_name,
                content=self.content,
            )
        except ValidationFailed as error:
            raise UsageError(str(error)) from None


def read_first_versions(effective: str | None, evidence: Path | None) -> FirstVersions | None:
    """Return the two options; None without them. Raises UsageError."""
    if effective is None and evidence is None:
        return None
    if effective is None or evidence is None:
        raise UsageError("--effective and --evidence belong together: the day, and the file that bears it out")
    day = read_day(effective)
    try:
        with evidence.open("rb") as file:
            content = file.read(MAX_EVIDENCE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{evidence} cannot be read: {error.strerror}") from None
    return FirstVersions(midnight(day, ZoneInfo(DEFAULT_ZONE)), evidence.name, content)
