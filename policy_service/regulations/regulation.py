"""A regulation: a dated document whose rows policies cite, `<policies>/regulations/<regulation>.yaml`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from policy_service.language.declare import bilingual
from policy_service.language.diagnostics import START, Code, Diagnostic, PolicyError, shorten
from policy_service.language.document import BilingualDoc, Doc
from policy_service.language.findings import NAME, Findings, TooManyErrors
from policy_service.language.policy import Bilingual
from policy_service.language.source import MAX_BYTES, read_source, to_plain

FOLDER = "regulations"
"""The folder below the policies."""
ROW = re.compile(r"R-[A-Z]+-[0-9A-Z]+")
"""The id of a row, as cited by `source:` and reasons."""
MAX_ROWS = 2_000


class RowDoc(Doc):
    """A row of the file."""

    id: str
    says: BilingualDoc
    feature: BilingualDoc | None = None
    not_yet: BilingualDoc | None = None
    see: str | None = None
    page: str | None = None


class SectionDoc(Doc):
    """A section of the file."""

    title: BilingualDoc
    rows: Annotated[list[RowDoc], Field(min_length=1, max_length=MAX_ROWS)]


class RegulationDoc(Doc):
    """The whole file."""

    regulation: str
    dated: str
    title: BilingualDoc
    notes: BilingualDoc | None = None
    sections: Annotated[list[SectionDoc], Field(min_length=1, max_length=100)]


@dataclass(frozen=True, slots=True)
class RegulationRow:
    """One requirement. If no policy implements it, a feature of the service does, or there is a reason why not yet."""

    id: str
    says: Bilingual
    feature: Bilingual | None
    not_yet: Bilingual | None
    see: str | None
    """The document about the feature, below `docs/`."""
    page: str | None
    """The path of the feature's page."""


@dataclass(frozen=True, slots=True)
class RegulationSection:
    """Rows that belong together."""

    title: Bilingual
    rows: tuple[RegulationRow, ...]


@dataclass(frozen=True, slots=True)
class Regulation:
    """A regulation as of a day."""

    name: str
    dated: datetime.date
    title: Bilingual
    notes: Bilingual | None
    sections: tuple[RegulationSection, ...]

    @property
    def rows(self) -> tuple[RegulationRow, ...]:
        """The rows of all sections, in order."""
        return tuple(row for section in self.sections for row in section.rows)


def load_regulations(policies: str | Path) -> tuple[Regulation, ...]:
    """Return the regulations below a folder of policies, by name; none if there is no such folder.

    Raises PolicyError with every error of the first invalid file, OSError if a file cannot be read.
    """
    return tuple(load_regulation(path) for path in sorted((Path(policies) / FOLDER).glob("*.yaml")))


def load_regulation(path: str | Path) -> Regulation:
    """Load a regulation from a file `<regulation>.yaml`. Raises PolicyError with every error, OSError."""
    path = Path(path)
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    root, text = read_source(str(path), content)
    findings, regulation = Findings(root), None
    with suppress(TooManyErrors):
        try:
            regulation = _build_regulation(RegulationDoc.model_validate(to_plain(root)), findings)
        except ValidationError as error:
            findings.add_shape_errors(error)
    if regulation is None or findings.diagnostics:
        raise PolicyError(str(path), findings.diagnostics, text)
    if path.stem != regulation.name:
        diagnostic = Diagnostic(
            Code.MISPLACED_FILE, f"this is `{regulation.name}.yaml`, by its `regulation`", START, "rename the file"
        )
        raise PolicyError(str(path), [diagnostic], text)
    return regulation


def _build_regulation(doc: RegulationDoc, findings: Findings) -> Regulation | None:
    if not NAME.fullmatch(doc.regulation):
        hint = "write lower-case letters, digits and _"
        findings.add_error(Code.INVALID_NAME, f"`{shorten(doc.regulation)}` names no regulation", ("regulation",), hint)
    dated = None
    try:
        dated = datetime.date.fromisoformat(doc.dated)
    except ValueError:
        findings.add_error(Code.INVALID_VALUE, f"`{shorten(doc.dated)}` is no date", ("dated",), "write `2026-11-21`")
    rows = [
        (row, ("sections", section, "rows", index))
        for section, each in enumerate(doc.sections)
        for index, row in enumerate(each.rows)
    ]
    findings.check_ids((row.id, (*path, "id")) for row, path in rows)
    for row, path in rows:
        if not ROW.fullmatch(row.id):
            findings.add_error(Code.INVALID_NAME, f"`{shorten(row.id)}` is no row", (*path, "id"), "write `R-RFM-1`")
        if row.feature and row.not_yet:
            findings.add_key_error(Code.WRONG_SHAPE, "a row is done by a feature, or not yet", (*path, "not_yet"))
        for key in ("see", "page"):
            if getattr(row, key) is not None and row.feature is None:
                findings.add_key_error(Code.WRONG_SHAPE, f"`{key}` tells where a `feature` is", (*path, key))
    if dated is None:
        return None
    sections = tuple(RegulationSection(bilingual(each.title, ""), tuple(map(_row, each.rows))) for each in doc.sections)
    notes = bilingual(doc.notes, "") if doc.notes else None
    return Regulation(doc.regulation, dated, bilingual(doc.title, ""), notes, sections)


def _row(doc: RowDoc) -> RegulationRow:
    feature, not_yet = (bilingual(each, "") if each else None for each in (doc.feature, doc.not_yet))
    return RegulationRow(doc.id, bilingual(doc.says, ""), feature, not_yet, doc.see, doc.page)


def cited_rows(text: str) -> Iterator[str]:
    """Yield the ids of rows cited in a text, each once."""
    yield from dict.fromkeys(re.findall(rf"\b{ROW.pattern}\b", text))


def unknown_rows(regulations: Sequence[Regulation], cited: Sequence[str]) -> tuple[str, ...]:
    """Return the ids that look like rows but belong to no regulation."""
    known = {row.id for regulation in regulations for row in regulation.rows}
    return tuple(each for each in cited if ROW.fullmatch(each) and each not in known)
