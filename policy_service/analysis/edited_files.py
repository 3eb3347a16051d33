"""Policy files in an editor: each text, the bytes that it was made from, and the lines that have faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from policy_service.analysis.file_check import CheckReport
from policy_service.language.file_text import declared_version, label
from policy_service.language.load import POLICY_ID


@dataclass(frozen=True, slots=True)
class EditedFile:
    """One policy file in the editor."""

    number: int
    text: str
    source_digest: str
    """The digest of the bytes that it was made from; empty for a file that is new."""
    error_lines: frozenset[int] = frozenset()
    """The lines that have faults."""

    @property
    def label(self) -> str:
        """The policy and version it says it is."""
        return label(self.text)

    @property
    def policy(self) -> str | None:
        """The policy it says it is, when that can be the name of one."""
        policy, _ = declared_version(self.text)
        return policy if policy is not None and POLICY_ID.fullmatch(policy) else None

    @property
    def lines(self) -> int:
        """The number of its lines."""
        return self.text.count("\n") + 1


def edited_files(
    texts: Sequence[str], source_digests: Sequence[str], check: CheckReport | str | None
) -> tuple[EditedFile, ...]:
    """Return the files that are being written; one that is empty when there is none."""
    reports = check.files if isinstance(check, CheckReport) else ()
    error_lines = [frozenset(diagnostic.line for diagnostic in each.errors) for each in reports]
    return tuple(
        EditedFile(number, text, digest, error_lines[number] if number < len(error_lines) else frozenset())
        for number, (text, digest) in enumerate(text_sources(texts, source_digests) or [("", "")])
    )


def text_sources(texts: Sequence[str], source_digests: Sequence[str]) -> list[tuple[str, str]]:
    """Return each text with the digest of what it was made from."""
    return list(zip_longest(texts, source_digests[: len(texts)], fillvalue=""))
