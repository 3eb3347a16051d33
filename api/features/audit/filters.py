"""Filters of the log, as the address has them."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

from sqlmodel import Session

from api.kit.table import TableQuery, instants_between
from policy_service.audit.events import OBJECT_FIELDS
from policy_service.audit.log import EntryFilter, find_object
from policy_service.identity.api_keys import find_key_by_name
from policy_service.identity.service import find_account_by_name

QUALIFIED = re.compile(rf"(?:{'|'.join(OBJECT_FIELDS)}):.+", re.DOTALL)
"""A thing with its kind before it, as an entry holds it."""


def entry_filter(session: Session, query: TableQuery, zone: ZoneInfo) -> EntryFilter | None:
    """The filter of the log; None when it names something unknown."""
    by, about_text = query.filters["by"], query.filters["about"]
    about = _about(session, about_text) if about_text else None
    if about_text and about is None:
        return None
    actor = _actor(session, by) if by else None
    since, until = instants_between(query.day("since"), query.day("until"), zone)
    return EntryFilter(query.filters["event"] or None, actor, about, since, until)


def _actor(session: Session, name: str) -> str:
    """The identifier of the account or the key of this name; an identifier, or the service, stands for itself."""
    if (account := find_account_by_name(session, name)) is not None:
        return account.id
    return find_key_by_name(session, name) or name


def _about(session: Session, name: str) -> str | None:
    """The thing of this name: with its kind before it, or alone, then of the first kind that has one."""
    return name if QUALIFIED.fullmatch(name) else find_object(session, name)
