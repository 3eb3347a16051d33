"""`/audit/entries/{seq}`: one entry in words and as stored, and the proof that it is signed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from sqlmodel import Session

from api.auth.permissions import PERMISSIONS
from api.kit.context import PageContext
from api.kit.formats import Formats
from api.kit.frame import Breadcrumbs
from api.kit.languages import translations
from api.kit.listing import link, quote_segment
from api.kit.page_route import PageRoute
from policy_service.access import check_permission
from policy_service.audit.events import ROLES, describe_event
from policy_service.audit.inclusion import Inclusion, read_inclusion
from policy_service.audit.labels import EVENT_NAMES, MEANINGS, THING_NAMES
from policy_service.audit.log import LogEntry, UnknownEntry, last_entry, read_entry
from policy_service.audit.proofs import ProofUnavailable
from policy_service.characters import find_hidden_character
from policy_service.identity.service import printed_names
from policy_service.integrity import reading_row
from policy_service.language.policy import Language
from policy_service.messages import Message, translate
from policy_service.subject import CUSTOMER

LOG_BREADCRUMBS: Breadcrumbs = ((Message("Audit log"), "/audit"),)
"""The breadcrumbs of pages below the log."""
INSTANT_FIELDS = ("until", "effective_from", "effective_until", "expires")
"""Fields of events that are instants."""
ROLE_LIST_FIELDS = ("roles", "before", "after", "scopes")
"""Fields that are lists of roles."""
IDENTIFIER = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|sha256:[0-9a-f]{64}")
MAX_NAME_LENGTH = 40
"""Maximum length of a name in a list, characters; identifiers are shorter."""
THE_SERVICE = Message("the service")
ADDRESSES: Mapping[str, tuple[str, str]] = {
    "policy": ("/policies/{domain}/{policy}", "/policies/{name}"),
    "change": ("/changes/{change}", "/changes/{name}"),
    "suspension": ("/suspensions/{suspension}", "/suspensions/{name}"),
    "override": ("/overrides/{override}", "/overrides/{name}"),
    "population": ("/populations/{population}", "/populations/{name}"),
    "account": ("/accounts/{account}", "/accounts/{name}"),
}
"""The pages of objects: the template in the table of permissions, and the address."""


@dataclass(frozen=True, slots=True)
class EntryObject:
    """One object of an entry."""

    thing: Message
    name: str
    address: str | None
    """The page of the object; None if the reader may not open it, or there is none."""
    entries_address: str
    """The list of other entries about it."""

    @property
    def short_name(self) -> str:
        """The name where space is limited; empty for an identifier without meaning to people."""
        if IDENTIFIER.fullmatch(self.name):
            return ""
        return self.name if len(self.name) <= MAX_NAME_LENGTH else f"{self.name[: MAX_NAME_LENGTH - 1]}…"


@dataclass(frozen=True, slots=True)
class AuditEntryView:
    """One entry."""

    seq: int
    at: datetime
    event: str
    name: Message
    by: str
    """The printed name of a person, the name of a key."""
    kind: str
    actor: str
    sentence: str
    about: tuple[EntryObject, ...]


class EntryDescriber:
    """Describes entries for one reader."""

    def __init__(self, context: PageContext) -> None:
        self._actor = context.actor
        self._lang: Language = context.frame.lang
        self._formats = Formats(self._lang, context.service.zone)

    def describe(self, session: Session, rows: Iterable[LogEntry]) -> tuple[AuditEntryView, ...]:
        """Return entries in words, in order."""
        rows = tuple(rows)
        names = printed_names(session, {row.actor for row in rows})
        return tuple(self._describe_row(row, names) for row in rows)

    def _describe_row(self, row: LogEntry, names: Mapping[str, str]) -> AuditEntryView:
        with reading_row("audit_entry", row.seq):
            return self._view(row, names)

    def _view(self, row: LogEntry, names: Mapping[str, str]) -> AuditEntryView:
        record = msgspec.json.decode(row.line)
        by, body = record["by"], record["body"]
        name = names.get(row.actor, by["name"])
        if by["kind"] == "service":
            name = translate(THE_SERVICE, translations(self._lang).gettext)
        elif by["kind"] == "command_line":
            name = translate(Message("{user} (command line)", user=by["name"]), translations(self._lang).gettext)
        return AuditEntryView(
            row.seq,
            row.at,
            row.event,
            EVENT_NAMES[row.event],
            name,
            by["kind"],
            row.actor,
            describe_event(row.event, name, self._localized_fields(body), self._lang),
            tuple(self._object(each, body) for each in record["about"]),
        )

    def _localized_fields(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of an event, with instants, roles and meanings in words."""
        fields = dict(body)
        for field in INSTANT_FIELDS:
            if isinstance(at := body.get(field), str):
                fields[field] = self._formats.instant(datetime.fromisoformat(at)).striptags()
        for field in ROLE_LIST_FIELDS:
            if isinstance(roles := body.get(field), list):
                fields[field] = ("、" if self._lang == "zh" else ", ").join(map(self._role, roles))
        if (meaning := MEANINGS.get(body.get("meaning", ""))) is not None:
            fields["meaning"] = translate(meaning, translations(self._lang).gettext)
        return fields

    def _role(self, role: str) -> str:
        title = ROLES.get(role)
        return role if title is None else self._formats.localized(title)

    def _object(self, about: str, body: Mapping[str, Any]) -> EntryObject:
        thing, _, name = about.partition(":")
        return EntryObject(THING_NAMES[thing], name, self._address(thing, name, body), link("/audit", about=about))

    def _address(self, thing: str, name: str, body: Mapping[str, Any]) -> str | None:
        if thing == "subject":
            kind = body.get("kind", CUSTOMER)
            return link("/decisions", subject=name, kind=kind) if self._may_read("/decisions") else None
        if thing not in ADDRESSES or not self._may_read(ADDRESSES[thing][0]):
            return None
        address = ADDRESSES[thing][1].format(name="/".join(map(quote_segment, name.split("/"))))
        version = body.get("version") if thing == "policy" else None
        return f"{address}/versions/{quote_segment(version)}" if isinstance(version, str) else address

    def _may_read(self, template: str) -> bool:
        return check_permission(self._actor, PERMISSIONS["GET", template]) is True


LARGEST = 2**31 - 1
"""Greater than any entry's number."""


@dataclass(frozen=True, slots=True)
class EntryPage:
    """One entry."""

    template: ClassVar[str] = "audit/entry.html"
    entry: AuditEntryView
    line: str
    digest: str
    previous: str
    is_last: bool
    inclusion: Inclusion | None
    has_hidden_characters: bool
    """True if the line contains invisible characters."""
    no_proof_reason: str
    """Why there is no proof, or not yet."""
    breadcrumbs: Breadcrumbs = LOG_BREADCRUMBS


def _number(seq: str) -> int:
    if not (seq.isascii() and seq.isdigit() and 0 < int(seq[:20]) < LARGEST):
        raise UnknownEntry
    return int(seq)


def entry_page(session: Session, context: PageContext, seq: str) -> EntryPage:
    """Build the page of one entry."""
    number = _number(seq)
    row = read_entry(session, number)
    (entry,) = EntryDescriber(context).describe(session, [row])
    inclusion, no_proof_reason = None, ""
    try:
        inclusion = read_inclusion(session, number)
    except ProofUnavailable as error:
        no_proof_reason = str(error)
    line = row.line.decode()
    is_last = (newest := last_entry(session)) is not None and newest.seq == number
    return EntryPage(
        entry=entry,
        line=line,
        digest=row.digest,
        previous=msgspec.json.decode(line)["previous"],
        is_last=is_last,
        inclusion=inclusion,
        has_hidden_characters=find_hidden_character(line) is not None,
        no_proof_reason=no_proof_reason,
    )


ROUTES = (PageRoute("/audit/entries/{seq}", entry_page),)
