"""How each list of the law of lists is filled, changed and filtered; the law is in `test_tables.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from policy_service.clock import timestamp
from policy_service.population.registered.model import PopulationDetails, RegisteredPopulation
from tests.api.client import SECRET
from tests.api.company import Company, Json
from tests.approval.world import TIER, tier
from tests.hidden import written_before
from tests.pages.decisions.deciding import decided, excepted
from tests.population.registering import register

HOSTILE = '=HYPERLINK("http://evil.example") \u202e'
DEFAULT_MAX = 50
MONTHS = f"policy={TIER}&from=2026-02-01&to=2026-04-01"
OLD = datetime(1800, 1, 2, tzinfo=UTC).replace(tzinfo=None)
"""An instant before those that a workbook numbers; cells have no zone."""


@dataclass(frozen=True)
class Case:
    """A list, where programs read it, who may, how one more row comes about, and filters that leave some rows."""

    rest: str
    by: str
    add: Callable[[Company], object]
    key: str = "id"
    """The member of a REST item that names the row."""
    base: str = ""
    """What of the page is what the REST list is of."""
    filters: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    """Queries that name what there is not, in a filter."""
    sorts: tuple[str, ...] = field(default=("",))
    files: tuple[str, ...] = ("",)
    """Queries, beside the filters, that leave the same rows after an export as before it."""


def suspend(here: Company) -> Json:
    here.clock.move(days=31)
    body = {"policy": TIER, "version": "1.1.0", "role": "sales_director", "reason": HOSTILE[:-2], "password": SECRET}
    return here.did("POST", "/v1/suspensions", "sales", body)


def override(here: Company) -> str:
    here.clock.move(minutes=5)
    return excepted(here, f"C{here.next_version()}", reason=HOSTILE[:-2])


def account(here: Company) -> Json:
    here.clock.move(seconds=1)
    name = here.next_version().replace(".", "-")
    body = {"name": f"z{name}", "printed_name": f"=Z {name}", "roles": ["author"]}
    return here.did("POST", "/v1/accounts", "root", body)


def api_key(here: Company) -> Json:
    here.clock.move(seconds=1)
    body = {"name": "=1+1", "scopes": ["integration"], "expires_at": timestamp(here.clock.at + timedelta(days=9))}
    return here.did("POST", "/v1/api-keys", "root", body)


def decide(here: Company) -> None:
    here.clock.move(minutes=1)
    decided(here, "S1")


def member(here: Company) -> None:
    number = len(here.did("GET", f"/v1/groups/{TIER}", "compliance")["items"])
    decided(here, f"G{here.next_version()}", TIER, orders=200 if number % 2 else 1)


def move(here: Company, *orders: tuple[int, int]) -> None:
    """Subjects of their own, decided about in January and in March."""
    for each in orders:
        subject = f"M{here.next_version()}"
        for month, number in zip((1, 3), each, strict=True):
            decided(here, subject, TIER, orders=number, as_of=date(2026, month, 10))


def seal(here: Company) -> None:
    account(here)
    here.app.service.sealer.seal_all()


def change(here: Company) -> Json:
    here.clock.move(seconds=1)
    with written_before():
        return here.create(tier(here.next_version(), 77), title=f"{HOSTILE} {here.next_version()}")


def population(here: Company) -> RegisteredPopulation:
    here.clock.move(seconds=1)
    details = PopulationDetails(f"p-{here.next_version().replace('.', '-')}", "customer", date(2026, 11, 20))
    return register(here.database, here.clock, here.app.service.fact_cipher, details, b"subject,orders\nC1,3\n")


CASES = {
    "/changes": Case(
        rest="/v1/changes",
        by="compliance",
        add=change,
        filters=("kind=change", "state=draft", f"policy={TIER}", "q=HYPERLINK", "state=rejected"),
        wrong=("state=nonsense", "kind=nonsense"),
        sorts=("created", "-created", "acted", "-acted"),
    ),
    "/suspensions": Case(
        rest="/v1/suspensions",
        by="compliance",
        add=suspend,
        filters=("state=over", f"policy={TIER}", "state=running", "policy=tiering/none"),
        wrong=("state=nonsense",),
        sorts=("begun", "-begun"),
    ),
    "/overrides": Case(
        rest="/v1/overrides",
        by="compliance",
        add=override,
        key="override",
        filters=("state=running", "state=over", "state=waiting", f"policy={TIER}", "kind=customer"),
        wrong=("state=nonsense",),
        sorts=("recorded", "-recorded"),
    ),
    "/accounts": Case(
        rest="/v1/accounts",
        by="root",
        add=account,
        filters=("q=sal", "role=compliance", "state=enabled", "state=waiting", "state=disabled"),
        wrong=("state=nonsense", "role=nonsense"),
        sorts=("name", "-name", "printed_name", "-printed_name", "created", "-created"),
    ),
    "/api-keys": Case(
        rest="/v1/api-keys",
        by="root",
        add=api_key,
        filters=("q=%3D1", "scope=compliance", "state=open", "state=expiring", "state=revoked", "state=expired"),
        wrong=("state=nonsense", "scope=nonsense"),
        sorts=("name", "-name", "issued", "-issued", "used", "-used", "expires", "-expires"),
    ),
    "/decisions": Case(
        rest="/v1/decisions",
        by="compliance",
        add=decide,
        key="decision_id",
        base="kind=customer",
        filters=(
            f"policy={TIER}",
            f"policy={TIER}&outcome=size:big",
            f"policy={TIER}&rule=small",
            "policy=rewards/bonus",
        ),
        wrong=("until=nonsense", "outcome=size:big", "rule=big"),
        sorts=("decided", "-decided"),
    ),
    "/audit": Case(
        rest="/v1/audit",
        by="compliance",
        add=account,
        key="seq",
        filters=("event=account_created", f"about=policy:{TIER}", "about=policy:tiering/none"),
        wrong=("event=nonsense", "until=nonsense"),
        sorts=("seq", "-seq"),
        files=(),
    ),
    "/groups": Case(
        rest="/v1/groups",
        by="compliance",
        add=member,
        filters=(f"policy={TIER}", "day=2026-02-01", "day=2025-01-01"),
        wrong=("day=nonsense", "policy=nonsense"),
    ),
    "/groups/members": Case(
        rest=f"/v1/groups/{TIER}",
        by="compliance",
        add=member,
        key="decision_id",
        filters=("group=size:big", "rule=small", "subject=G0", "day=2026-02-01"),
        wrong=("day=nonsense",),
    ),
    "/movements": Case(
        rest="/v1/movements",
        by="compliance",
        add=lambda here: move(here, (200, 1), (1, 200), (200, 200)),
        base=MONTHS,
        wrong=("from=nonsense",),
    ),
    "/movements/subjects": Case(
        rest="/v1/movements/subjects",
        by="compliance",
        add=lambda here: move(here, (200, 1)),
        key="decision_id",
        base=MONTHS,
        filters=("before=size:big", "after=size:big", "before=none"),
        wrong=("to=nonsense",),
    ),
    "/audit/checkpoints": Case(
        rest="/v1/audit/checkpoints",
        by="compliance",
        add=seal,
        key="size",
        wrong=("until=nonsense",),
        sorts=("size", "-size"),
    ),
    "/populations": Case(
        rest="/v1/populations",
        by="compliance",
        add=population,
        filters=("kind=customer", "kind=complaint"),
        sorts=("registered", "-registered"),
    ),
}
