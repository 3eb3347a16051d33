"""What somebody else wrote into a draft while its editor was open: both texts, line against line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff

from api.pages.changes.texts import label, shown
from api.pages.forms import Form
from policy_service.approval.change import Acted, Action, Change, Draft

LONGEST = 4_000
"""Lines of a file that are compared; of a longer one both are only linked."""
MOST = 400
"""Lines of a comparison that are shown."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison: `+` is in the form alone, `-` in the draft alone, `@` says where."""

    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class Differing:
    """One file that the form and the draft have differently."""

    label: str
    stored: str | None
    """The digest of the file in the draft; None when it is not there."""
    lines: tuple[Line, ...]
    """Empty when the files are too long to be compared here."""
    more: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Who edited the draft meanwhile, and what it says otherwise than the form."""

    by: Acted
    draft: Draft
    files: tuple[Differing, ...]


def conflict_of(form: Form, change: Change, contents: Mapping[str, bytes], typed: Mapping[str, str]) -> Conflict | None:
    """What the form and the draft say differently; None when nobody edited meanwhile. `typed` are its files."""
    if form.etag == change.etag:
        return None
    edits = [acted for acted in change.acted if acted.action in {Action.CREATE, Action.EDIT}]
    return Conflict(edits[-1], change.draft, tuple(_files(change, contents, typed)))


def _files(change: Change, contents: Mapping[str, bytes], typed: Mapping[str, str]) -> Iterator[Differing]:
    stored = {digest: shown(contents[digest]) for digest in change.draft.texts}
    by_name = {_policy(label(text)): (digest, text) for digest, text in stored.items()}
    mine = {_policy(name): (name, text) for name, text in typed.items()}
    for name in dict.fromkeys((*mine, *by_name)):
        title, ours = mine.get(name, (label(by_name[name][1]) if name in by_name else "", ""))
        digest, theirs = by_name.get(name, (None, ""))
        if ours != theirs:
            yield _differing(title, digest, theirs, ours)


def _policy(name: str) -> str:
    return name.partition(" ")[0]


def _differing(title: str, digest: str | None, theirs: str, ours: str) -> Differing:
    old, new = theirs.split("\n"), ours.split("\n")
    if max(len(old), len(new)) > LONGEST:
        return Differing(title, digest, (), 0)
    found = [Line(line[0], line[1:]) for line in list(unified_diff(old, new, lineterm="", n=2))[2:]]
    return Differing(title, digest, tuple(found[:MOST]), max(0, len(found) - MOST))
