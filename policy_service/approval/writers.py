"""The writers of a version: all who drafted or submitted a text of the same meaning.

Two texts have the same meaning if they decide the same (`language.meaning`), whatever their version, comments and
titles. Computing the meaning requires parsing, so it is stored (`policies.record_meanings`). An invalid text has no
meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlmodel import Session, col, select

from policy_service.approval.change import Action
from policy_service.approval.tables import ActionRow, DraftFileRow, MeaningRow


def meanings_of(session: Session, digests: Iterable[str]) -> dict[str, str]:
    """Return the meaning of each text, by digest; if it is not stored yet, the digest itself."""
    unique = set(digests)
    rows = session.exec(select(MeaningRow).where(col(MeaningRow.digest).in_(unique)))
    return {digest: digest for digest in unique} | {row.digest: row.meaning for row in rows}


def writers_of(session: Session, digests: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Return the writers of each text: the accounts that drafted, edited or submitted one of the same meaning."""
    meanings = meanings_of(session, digests)
    query_of_meanings = select(MeaningRow.digest, MeaningRow.meaning).where(
        col(MeaningRow.meaning).in_(set(meanings.values()) - {""})
    )
    texts = {digest: digest for digest in meanings} | dict(session.exec(query_of_meanings).all())
    drafted_rows = session.exec(select(DraftFileRow).where(col(DraftFileRow.digest).in_(texts))).all()
    submitters: dict[str, set[str]] = {}
    query = select(ActionRow.change, ActionRow.actor).where(
        ActionRow.action == Action.SUBMIT, col(ActionRow.change).in_({row.change for row in drafted_rows})
    )
    for change, actor in session.exec(query):
        submitters.setdefault(change, set()).add(actor)
    by_meaning: dict[str, set[str]] = {}
    for row in drafted_rows:
        authors = by_meaning.setdefault(texts[row.digest], set())
        authors |= {row.actor, *submitters.get(row.change, ())}
    return {
        digest: frozenset(by_meaning.get(meaning, set()) | by_meaning.get(digest, set()))
        for digest, meaning in meanings.items()
    }
