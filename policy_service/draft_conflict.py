"""Conflicts of a form with a draft changed meanwhile by another person: both texts, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff

from sqlmodel import Session

from policy_service.approval import service as approval
from policy_service.approval.change import Action, ActionRecord, Change, Draft
from policy_service.language.file_text import browser_text, label

MAX_COMPARED_LINES = 4_000
"""Maximum number of lines of a file that is compared; longer files are only linked."""
MAX_SHOWN_LINES = 400
"""Maximum number of lines of a comparison that are shown."""


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a comparison: `+` is only in the form, `-` only in the draft, `@` is a position."""

    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class FileConflict:
    """One file that differs between form and draft."""

    label: str
    stored_digest: str | None
    """The digest of the file in the draft; None if it has no such file."""
    lines: tuple[DiffLine, ...]
    """Empty if the files are too long to compare here."""
    more_lines: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """The person who changed the draft meanwhile, and how its content differs from the form."""

    edit: ActionRecord
    draft: Draft
    files: tuple[FileConflict, ...]


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """A stored draft."""

    change: Change
    contents: Mapping[str, bytes]
    """The files by digest: of the draft, and of earlier revisions from which a form was made."""


def read_draft(session: Session, change: str, source_digests: Iterable[str] = ()) -> StoredDraft:
    """Return the stored draft, with the earlier files (`source_digests`) of a form. Raises UnknownChange."""
    stored_change = approval.read_change(session, change)
    earlier = {digest for acted in stored_change.actions if acted.draft for digest in acted.draft.texts}
    digests = {*stored_change.draft.texts, *(earlier & set(source_digests))}
    return StoredDraft(stored_change, {digest: approval.read_text(session, digest) for digest in sorted(digests)})


def conflict_of(etag: str, stored_draft: StoredDraft, submitted: Mapping[str, str]) -> Conflict | None:
    """Return how a form and the draft differ; None if the draft has the form's `etag`.

    `submitted` are the form's files.
    """
    change, contents = stored_draft.change, stored_draft.contents
    if etag == change.etag:
        return None
    edits = [acted for acted in change.actions if acted.action in {Action.CREATE, Action.EDIT}]
    return Conflict(edits[-1], change.draft, tuple(_file_conflicts(change, contents, submitted)))


def _file_conflicts(
    change: Change, contents: Mapping[str, bytes], submitted: Mapping[str, str]
) -> Iterator[FileConflict]:
    stored = {digest: browser_text(contents[digest]) for digest in change.draft.texts}
    by_name = {_policy(label(text)): (digest, text) for digest, text in stored.items()}
    mine = {_policy(name): (name, text) for name, text in submitted.items()}
    for name in dict.fromkeys((*mine, *by_name)):
        title, ours = mine.get(name, (label(by_name[name][1]) if name in by_name else "", ""))
        digest, theirs = by_name.get(name, (None, ""))
        if ours != theirs:
            yield _file_conflict(title, digest, theirs, ours)


def _policy(name: str) -> str:
    return name.partition(" ")[0]


def _file_conflict(title: str, digest: str | None, theirs: str, ours: str) -> FileConflict:
    old, new = theirs.split("\n"), ours.split("\n")
    if max(len(old), len(new)) > MAX_COMPARED_LINES:
        return FileConflict(title, digest, (), 0)
    lines = [DiffLine(line[0], line[1:]) for line in list(unified_diff(old, new, lineterm="", n=2))[2:]]
    return FileConflict(title, digest, tuple(lines[:MAX_SHOWN_LINES]), max(0, len(lines) - MAX_SHOWN_LINES))
