"""Policy files in an editor: each text, the original bytes, and the lines with errors."""

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
    """The digest of the original bytes; empty for a new file."""
    error_lines: frozenset[int] = frozenset()
    """The lines with errors."""

    @property
    def label(self) -> str:
        """The declared policy and version."""
        return label(self.text)

    @property
    def policy(self) -> str | None:
        """The declared policy, if the name is valid."""
        policy, _ = declared_version(self.text)
        return policy if policy is not None and POLICY_ID.fullmatch(policy) else None

    @property
    def lines(self) -> int:
        """The number of its lines."""
        return self.text.count("\n") + 1


def edited_files(
    texts: Sequence[str], source_digests: Sequence[str], check: CheckReport | str | None
) -> tuple[EditedFile, ...]:
    """Return the files being edited; an empty one if there is none."""
    reports = check.files if isinstance(check, CheckReport) else ()
    error_lines = [frozenset(diagnostic.line for diagnostic in each.errors) for each in reports]
    return tuple(
        EditedFile(number, text, digest, error_lines[number] if number < len(error_lines) else frozenset())
        for number, (text, digest) in enumerate(text_sources(texts, source_digests) or [("", "")])
    )


def text_sources(texts: Sequence[str], source_digests: Sequence[str]) -> list[tuple[str, str]]:
    """Return each text with the digest of its original."""
    return list(zip_longest(texts, source_digests[: len(texts)], fillvalue=""))
