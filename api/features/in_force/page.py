"""`/in-force?valid_at=&known_at=`: the versions in force at an instant, as known at one, compared with now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import ClassVar
from zoneinfo import ZoneInfo

from sqlmodel import Session

from api.auth.permissions import may_read
from api.kit.context import PageContext
from api.kit.drawing import LAST_INSTANT, Bar, Timeline
from api.kit.drawing import timeline as draw_timeline
from api.kit.formats import parse_instant
from api.kit.forms import FormState
from api.kit.listing import Column, Listing, page_behind, version_address
from api.kit.page_route import PageRoute
from api.service import Service
from policy_service.approval.provenance import ActivationOrigin, activation_origins
from policy_service.labels import domain_name
from policy_service.language.policy import Bilingual
from policy_service.messages import Message
from policy_service.registry.model import Activation, Period
from policy_service.registry.service import activations
from policy_service.registry.then_and_now import PeriodsKnown, ThenAndNow

PATH = "/in-force"
PAGE = 50
"""Policies per page."""
MAX_FILTER_LENGTH = 200
"""Maximum length of a filter, characters."""
SORTS = ("policy", "-policy", "from", "-from")
COLUMNS = (
    Column("policy", Message("Policy"), is_sortable=True),
    Column("version", Message("Version")),
    Column("from", Message("Effective period"), is_sortable=True),
    Column("why", Message("Why, and who signed")),
)
TODAY = Column("today", Message("Today"))
NEARBY = timedelta(days=182)
"""The time shown in the drawing before and after the instant."""
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""The earliest beginning of the drawing, approximately."""
MAX_LANES = 12
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class InForceQuery:
    """The two instants, as typed and as parsed, and their errors."""

    valid_at: datetime
    known_at: datetime
    form: FormState
    """The instants, the domain and the policy."""
    is_now: bool
    """True if both are now."""
    sort: str = SORTS[0]
    cursor: str = ""
    """The last policy of the previous page."""

    def matches(self, policy: str) -> bool:
        """Return True if a policy matches the filters."""
        domain, only = self.form.value("domain"), self.form.value("policy")
        return domain in {"", policy.partition("/")[0]} and only in {"", policy}


@dataclass(frozen=True, slots=True)
class InForceRow:
    """One policy: its version then, why it was in force, and its version now."""

    pair: ThenAndNow
    title: Bilingual
    period: Period | None
    """The period in which the version was in force, as known then."""
    origin: ActivationOrigin | None


@dataclass(frozen=True, slots=True)
class InForcePage:
    """The versions in force at an instant."""

    template: ClassVar[str] = "in_force/page.html"
    query: InForceQuery
    listing: Listing
    zone: str
    rows: tuple[InForceRow, ...]
    choices: tuple[tuple[str, str], ...]
    """The existing domains."""
    policies: tuple[tuple[str, str], ...]
    """The options of the policy filter."""
    differing_count: int
    """The number of policies with another version in force now."""
    policy_count: int
    """The number of policies on all pages."""
    drawing: Timeline | None
    """The versions of this page's policies that change nearby; None if none does."""
    may_read_changes: bool


def read_query(query: Mapping[str, str], zone: ZoneInfo, now: datetime) -> InForceQuery:
    """Return the instants in an address; a missing one, or the current minute, is now."""
    errors: dict[str, Message] = {}
    valid_at = _parse(query.get("valid_at", ""), "valid_at", zone, now, errors)
    known_at = _parse(query.get("known_at", ""), "known_at", zone, now, errors)
    if known_at > now:
        errors["known_at"] = Message("The future has no records. Choose now or earlier.")
    values = {name: (query.get(name, "")[:MAX_FILTER_LENGTH],) for name in ("valid_at", "known_at", "domain", "policy")}
    sort = query.get("sort", "")
    sort = sort if sort in SORTS else SORTS[0]
    is_now = valid_at == known_at == now
    return InForceQuery(valid_at, known_at, FormState("", values, errors), is_now, sort, query.get("cursor", ""))


def _parse(text: str, name: str, zone: ZoneInfo, now: datetime, errors: dict[str, Message]) -> datetime:
    if not text:
        return now
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        local = None
    at = parse_instant(local, zone, now) if local is not None and local.tzinfo is None else None
    if at is None:
        errors[name] = Message("Not a valid date or time.")
    return at or now


def in_force_page(session: Session, context: PageContext) -> InForcePage:
    """Return the page; nothing is listed if the instants are invalid."""
    service, frame = context.service, context.frame
    query = read_query(context.params, service.zone, frame.now)
    if query.form.errors:
        context.status = HTTPStatus.UNPROCESSABLE_ENTITY
    times = PeriodsKnown(activations(session), query.valid_at, query.known_at)
    titles = service.catalogue.heads_in_force(session, frame.now)
    known = [] if query.form.errors else times.then_and_now(frame.now)
    names, pairs = [each.policy for each in known], [each for each in known if query.matches(each.policy)]
    page_pairs, listing = _paginated(pairs, times, query)
    origins = activation_origins(session, (each.then for each in page_pairs if each.then))
    return InForcePage(
        query=query,
        listing=listing,
        zone=service.zone.key,
        rows=tuple(_row(service, session, each, times, origins) for each in page_pairs),
        choices=tuple((each, domain_name(each)) for each in sorted({name.partition("/")[0] for name in names})),
        policies=tuple(
            (name, titles[name].title.in_language(frame.lang) if name in titles else name) for name in names
        ),
        differing_count=sum(each.status != "same" for each in pairs),
        policy_count=len(pairs),
        drawing=_drawing(session, context, [each.policy for each in page_pairs], times),
        may_read_changes=may_read(frame.actor, "/changes/{change}"),
    )


def _drawing(session: Session, context: PageContext, policies: Sequence[str], times: PeriodsKnown) -> Timeline | None:
    """Return a timeline of the policies whose version changes nearby, one lane each."""
    service, frame = context.service, context.frame
    middle = min(max(times.valid_at, EARLIEST), LAST_INSTANT)
    first, last = middle - NEARBY, middle + NEARBY
    lanes: dict[str, list[Bar]] = {}
    for policy in policies:
        pieces = times.pieces(policy)
        ends = [*(period.start for period, _ in pieces[1:]), *(period.until for period, _ in pieces if period.until)]
        if any(first < at < last for at in ends) and len(lanes) < MAX_LANES:
            name = service.catalogue.load(session, pieces[-1][1].digest).title.in_language(frame.lang)
            lane = policy if name in lanes else name
            lanes[lane] = [_bar(lane, *piece) for piece in pieces]
    bars = [bar for each in lanes.values() for bar in each]
    return draw_timeline(bars, frame.now, first, last, service.zone) if bars else None


def _bar(lane: str, period: Period, active: Activation) -> Bar:
    return Bar(
        lane,
        period.start,
        period.until,
        "suspension" if active.is_emergency else "period",
        Message("suspended") if active.is_stop else active.version,
        version_address(active.policy, active.version),
        active.version,
    )


def _paginated(
    pairs: list[ThenAndNow], times: PeriodsKnown, query: InForceQuery
) -> tuple[Sequence[ThenAndNow], Listing]:
    """Return the policies of this page in the requested order, and the cursor of the next page."""
    if query.sort.endswith("from"):
        start = {each.policy: times.period(each.then).start if each.then else NEVER for each in pairs}
        pairs.sort(key=lambda each: (start[each.policy], each.policy), reverse=query.sort.startswith("-"))
        pairs.sort(key=lambda each: each.then is None)  # what was not in force stands last, either way
    elif query.sort.startswith("-"):
        pairs.reverse()
    page_pairs, cursors = page_behind(pairs, lambda each: each.policy, query.cursor, PAGE)
    filters = {name: query.form.value(name) for name in query.form.values}
    columns = COLUMNS if query.is_now else (*COLUMNS, TODAY)
    return page_pairs, Listing(PATH, filters, columns, query.sort, *cursors)


def _row(
    service: Service, session: Session, pair: ThenAndNow, times: PeriodsKnown, origins: Mapping[str, ActivationOrigin]
) -> InForceRow:
    then, policy = pair.then, pair.policy
    activation = then or pair.now
    return InForceRow(
        pair=pair,
        title=service.catalogue.load(session, activation.digest).title if activation else Bilingual(policy, policy),
        period=times.period(then) if then else None,
        origin=origins[then.id] if then else None,
    )


ROUTES = (PageRoute("/in-force", in_force_page),)
