"""The addresses of all pages, from the table of permissions, with what stands in a database in their gaps.

A page is asked for by somebody who may see it. A gap takes several values in turn, so that no page is asked for the
same thing fifty times; what long work makes is left to `long_work`, or told as not measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from urllib.parse import quote, urlencode

from sqlmodel import Session, select

from api.auth.permissions import EXPORT_PATHS, PERMISSIONS
from benchmarks.company.build import QUERIED_POLICIES
from benchmarks.company.decision_history import SUBJECTS
from benchmarks.company.texts import LEVELS, policy_name
from policy_service.access import PUBLIC, check_permission
from policy_service.actor import Actor, Role
from policy_service.approval import service as approval
from policy_service.approval.service import ChangeFilter, ChangeState
from policy_service.approval.tables import SuspensionRow
from policy_service.audit.log import last_entry
from policy_service.decisions.record_queries import find_records
from policy_service.decisions.state_tables import OverrideRow
from policy_service.identity.service import accounts
from policy_service.registry.model import active_at
from policy_service.registry.service import activations

GAP = re.compile(r"\{(\w+)\}")
VALUES = 8
"""Things that one gap takes in turn."""
READER_ROLES = (Role.COMPLIANCE, Role.SALES_DIRECTOR, Role.AUTHOR, Role.ADMINISTRATOR)
"""Who looks at the pages: the first of them who may."""
NOT_PAGES = (
    *("/v1/", "/static/", "/problems", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"),
    "/subjects/erase",  # of which subject, its query says
)

DOCUMENTS = ("tutorial/sign-your-first-change", "how-to/read-an-effect", "reference/glossary", "explanation/volume")
"""Pages of the help."""
CHANGE_PAGE = "/changes/{change}"
"""The page that is measured for a change in every state."""
Values = Mapping[str, str]
"""What stands in the gaps of one address."""
ValuesByKind = Mapping[str, Sequence[Values]]
"""The things that fill the gaps, by their sort."""
Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page as it is measured: what it is called, by whom and at which addresses, in turn, it is asked for."""

    name: str
    by: str | None
    """The name of an account; None for nobody."""
    addresses: tuple[str, ...]


def pages_of(session: Session, now: datetime) -> tuple[list[PageRequest], list[str]]:
    """Every page that can be asked for, and the templates of those that cannot be yet."""
    people, gaps, queries = list(_people(session)), list(_gaps(session, now)), _queries(session, now)
    requests: list[PageRequest] = []
    missing: list[str] = []
    for (method, template), access in PERMISSIONS.items():
        if method != "GET" or template.startswith(NOT_PAGES) or template in EXPORT_PATHS:
            continue
        kinds = _values_by_kind(template, gaps)
        if not kinds:
            missing.append(template)
            continue
        by = (
            None
            if access is PUBLIC
            else next(actor.name for actor in people if check_permission(actor, access) is True)
        )
        addresses_by_kind = {
            label: tuple(_fill(template, values) for values in islice(each, VALUES)) for label, each in kinds.items()
        }
        requests += [
            PageRequest(f"{template} {label}".strip(), by, addresses) for label, addresses in addresses_by_kind.items()
        ]
        first = next(iter(addresses_by_kind.values()))[0]
        requests += [
            PageRequest(f"{template} ({label})", by, (f"{first}?{urlencode(query)}",))
            for label, query in queries.get(template, {}).items()
        ]
    return requests, missing


def _values_by_kind(template: str, gaps: Iterable[tuple[frozenset[str], ValuesByKind]]) -> ValuesByKind:
    """Return the values for the gaps of a template, by kind; none when the database holds no such thing."""
    names = set(GAP.findall(template))
    if not names:
        return {"": [{}]}
    kinds: ValuesByKind = next((sorts for keys, sorts in gaps if names <= keys), {})
    if names == {"change"} and template != CHANGE_PAGE:
        label = f"({ChangeState.DRAFT if template.endswith('/draft') else ChangeState.SUBMITTED})"
        return {label: kinds[label]} if label in kinds else {}
    return kinds


def _people(session: Session) -> Iterator[Actor]:
    """Those who look."""
    known = accounts(session).values()
    for role in READER_ROLES:
        account = next(each for each in known if role in each.roles)
        yield Actor(account.id, account.name, account.printed_name, frozenset({role}))


def _fill(template: str, values: Values) -> str:
    return GAP.sub(lambda gap: quote(values[gap[1]], safe=""), template)


def _gaps(session: Session, now: datetime) -> Iterator[tuple[frozenset[str], ValuesByKind]]:
    """Return the values for the gaps of templates, by name; those of a kind may be of several sorts."""
    yield frozenset({"change"}), dict(_changes(session))
    yield frozenset({"change", "text"}), {"": list(_texts(session))}
    yield frozenset({"domain", "policy", "version", "rule"}), {"": list(_policies(session, now))}
    entry = last_entry(session)
    last = entry.seq if entry else 1
    yield frozenset({"seq"}), {"": [{"seq": str(1 + number * (last - 1) // VALUES)} for number in range(VALUES)]}
    yield (
        frozenset({"decision"}),
        {"": [{"decision": each.decision_id} for each in find_records(session, limit=VALUES).records]},
    )
    for gap, column in (("override", OverrideRow.id), ("suspension", SuspensionRow.id)):
        if ids := session.exec(select(column).limit(VALUES)).all():
            yield frozenset({gap}), {"": [{gap: each} for each in ids]}
    yield (
        frozenset({"kind", "name"}),
        {"": [dict(zip(("kind", "name"), each.split("/"), strict=True)) for each in DOCUMENTS]},
    )
    yield frozenset({"language", "name"}), {"": [{"language": each, "name": "dossier.png"} for each in ("zh", "en")]}
    yield frozenset({"account"}), {"": [{"account": each} for each in islice(accounts(session), VALUES)]}


def _changes(session: Session) -> Iterator[tuple[str, Sequence[Values]]]:
    for state in ChangeState:
        changes = approval.list_changes(session, ChangeFilter(frozenset({state})), limit=VALUES).items
        if changes:
            yield f"({state})", [{"change": change.id} for change in changes]


def _texts(session: Session) -> Iterator[Values]:
    for change in approval.list_changes(session, ChangeFilter(kind="change"), limit=VALUES).items:
        yield {"change": change.id, "text": change.draft.texts[0]}


def _policies(session: Session, now: datetime) -> Iterator[Values]:
    """The company's policies in the versions in force, with a rule of each."""
    for number in range(VALUES):
        name = policy_name(number)
        active = active_at(activations(session, name), name, now, now)
        if active is not None:
            domain, _, policy = name.partition("/")
            yield {"domain": domain, "policy": policy, "version": active.version, "rule": f"row-{number}"}


def _queries(session: Session, now: datetime) -> Mapping[str, Mapping[str, Query]]:
    """Return the filters and orders of lists, by template."""
    name = policy_name(0)
    versions = [each.version for each in activations(session, name)]
    before = f"{now - timedelta(days=400):%Y-%m-%d}"
    return {
        "/changes": {
            "open": {"state": "open"},
            "rejected": {"state": "rejected"},
            "of a policy": {"policy": name},
            "words": {"q": "adjustment 4711"},
            "words of many": {"q": "adjustment", "sort": "created"},
            "for me": {"mine": "yes"},
            "begun first": {"sort": "created"},
        },
        "/decisions": {
            "of a policy": {"policy": name},
            "of a policy rarely decided": {"policy": policy_name(QUERIED_POLICIES)},
            "of a subject": {"subject": f"C{SUBJECTS // 2:06}"},
            "of a subject and a policy": {"subject": f"C{SUBJECTS // 2:06}", "policy": name},
            "of a kind rarely decided": {"kind": "complaint"},
            "oldest first": {"sort": "decided"},
            "of a policy, oldest first": {"policy": name, "sort": "decided"},
            "of a policy by an outcome": {"policy": name, "outcome": f"level:{LEVELS[0]}"},
        },
        "/search": {
            "a subject": {"q": f"C{SUBJECTS // 2:06}"},
            "a title": {"q": "adjustment 4711"},
            "a number": {"q": "900000"},
            "a digest": {"q": "sha256:0123456789abcdef"},
        },
        "/audit": {
            "an event": {"event": "change_rejected"},
            "a rare event": {"event": "api_key_issued"},
            "a common event of old": {"event": "decisions_sealed", "until": before},
            "by somebody": {"by": "sales-director-0"},
            "an event by somebody": {"by": "author-1", "event": "change_withdrawn"},
            "about a policy": {"about": f"policy:{name}"},
            "oldest first": {"sort": "seq"},
        },
        "/audit/checkpoints": {"of old": {"until": before}, "oldest first": {"sort": "size"}},
        "/groups": {"of a policy": {"policy": name}, "of old": {"day": before}},
        "/groups/members": {"of a policy": {"policy": name}, "of a rule": {"policy": name, "rule": "row-1"}},
        "/movements": {"of a year": {"policy": name, "from": before}},
        "/movements/subjects": {
            "of a cell": {"policy": name, "before": f"level:{LEVELS[1]}", "after": f"level:{LEVELS[0]}"}
        },
        "/subjects/merge": {"of two": {"subject": f"C{SUBJECTS // 2:06}", "into": f"C{SUBJECTS // 3:06}"}},
        "/overrides": {"running": {"state": "running"}, "of a policy": {"policy": name}},
        "/in-force": {
            "of old": {"valid_at": f"{before}T00:00", "known_at": f"{before}T00:00"},
            "by day": {"sort": "from"},
        },
        "/policies/{domain}/{policy}/compare": {"two versions": {"from": versions[1], "to": versions[2]}},
    }
