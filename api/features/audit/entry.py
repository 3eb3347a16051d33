"""`/audit/entries/{seq}`: one entry as it is kept, its place in the chain, and the proof that it was signed for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

import msgspec
from sqlmodel import Session
from starlette.requests import Request

from api.auth.authentication import principal_of
from api.features.audit.entry_view import AuditEntryView, EntryDescriber
from api.features.audit.log import LOG_BREADCRUMBS
from api.kit.frame import Breadcrumbs, Frame
from api.kit.page_route import PageRoute
from api.kit.rendering import Pages
from api.web.problems import NOT_FOUND, ProblemError
from api.web.transactions import run_read
from policy_service.audit.checkpoints import read_checkpoint
from policy_service.audit.log import read_entry
from policy_service.audit.merkle import sibling_ranges
from policy_service.audit.proofs import ProofUnavailable, prove_entry
from policy_service.characters import find_hidden_character
from policy_service.messages import Message

LARGEST = 2**31 - 1
"""Beyond any number of an entry."""


@dataclass(frozen=True, slots=True)
class ProofStep:
    """One step up the tree: what is put beside the root so far, and on which side."""

    first: int
    last: int
    """The entries that `root` is over."""
    root: str
    is_left: bool


@dataclass(frozen=True, slots=True)
class Inclusion:
    """The proof that an entry is in the log that a checkpoint was signed for."""

    steps: tuple[ProofStep, ...]
    size: int
    at: datetime
    root: str
    checkpoint: str
    """The line that was signed."""


@dataclass(frozen=True, slots=True)
class EntryPage:
    """One entry."""

    template: ClassVar[str] = "audit/entry.html"
    frame: Frame
    entry: AuditEntryView
    line: str
    digest: str
    previous: str
    is_last: bool
    inclusion: Inclusion | None
    has_hidden_characters: bool
    """Whether the line holds marks that cannot be seen."""
    no_proof_reason: str
    """Why there is no proof (yet)."""
    breadcrumbs: Breadcrumbs = LOG_BREADCRUMBS


async def entry_page(pages: Pages, request: Request, seq: str) -> EntryPage:
    """Build the page of one entry."""
    number, frame = _number(seq), pages.frame(request)
    describer = EntryDescriber(principal_of(request).actor, frame.lang, pages.service.zone)
    return await run_read(pages.service, lambda session: _page(session, number, frame, describer))


ROUTES = (PageRoute("/audit/entries/{seq}", entry_page),)


def _number(seq: str) -> int:
    if not (seq.isascii() and seq.isdigit() and 0 < int(seq[:20]) < LARGEST):
        raise ProblemError(NOT_FOUND, Message("The log has no such entry."))
    return int(seq)


def _page(session: Session, seq: int, frame: Frame, describer: EntryDescriber) -> EntryPage:
    row = read_entry(session, seq)
    if row is None:
        raise ProblemError(NOT_FOUND, Message("The log has no such entry."))
    (entry,) = describer.describe(session, [row])
    inclusion, no_proof_reason = _inclusion(session, seq)
    line = row.line.decode()
    is_last = read_entry(session, seq + 1) is None
    return EntryPage(
        frame=frame,
        entry=entry,
        line=line,
        digest=row.digest,
        previous=msgspec.json.decode(line)["previous"],
        is_last=is_last,
        inclusion=inclusion,
        has_hidden_characters=find_hidden_character(line) is not None,
        no_proof_reason=no_proof_reason,
    )


def _inclusion(session: Session, seq: int) -> tuple[Inclusion | None, str]:
    """The proof, or why there is none."""
    try:
        proof = prove_entry(session, seq)
    except ProofUnavailable as error:
        return None, str(error)
    checkpoint = read_checkpoint(proof["checkpoint"].encode())
    extent, at = checkpoint.extent, datetime.fromisoformat(checkpoint.at)
    path = _steps(seq, extent.size, proof["path"])
    return Inclusion(path, extent.size, at, extent.root, proof["checkpoint"]), ""


def _steps(seq: int, size: int, path: Sequence[str]) -> tuple[ProofStep, ...]:
    """The steps of a path, each with the entries it is over."""
    ranges = sibling_ranges(seq - 1, size)
    return tuple(
        ProofStep(start + 1, stop, root, is_left=stop < seq) for (start, stop), root in zip(ranges, path, strict=True)
    )
