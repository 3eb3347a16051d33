"""Laws of all forms: limits said once, errors in place with the focus, unknown fields refused, one effect a key."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from sqlmodel import SQLModel, func, select

from api.auth.permissions import PERMISSIONS
from api.kit.form_action import FormAction
from api.kit.form_fields import form_fields
from api.kit.forms import CODE, SECRET_FIELDS
from api.page_routes import ROUTES
from policy_service.actor import Role
from policy_service.approval import service as approval
from policy_service.clock import timestamp
from policy_service.database import LaneName
from policy_service.identity import service as identity
from policy_service.identity.passwords import hash_password
from policy_service.identity.sessions import PASSWORD, start_session
from policy_service.jobs.queries import running_processes
from policy_service.population.registered.model import PopulationDetails
from policy_service.subject import Subject
from tests.api.client import SECRET
from tests.api.company import Company, company
from tests.approval.world import BONUS, TIER, bonus, tier
from tests.identity.people import enrol
from tests.pages.decisions.deciding import decided
from tests.pages.visitor import Seen, Visitor, standing_fields
from tests.population.registering import register

OTHERS = {
    "/account/second-factor": "its code is made from the key that the page shows",
    "/sign-in": "a stranger has no account that a form key could belong to",
    "/sign-out": "has no fields and no page of its own",
    "/preferences": "writes cookies and goes back to any page",
    "/policies/{domain}/{policy}/try": "reads only; its fields are made from the facts of a policy",
    "/policies/{domain}/{policy}/try/example": "its fields are made from the facts of a policy",
    "/changes": "takes files, and starts from a draft, a rollback or an ending",
    "/changes/{change}/actual-effect": "reads only: a file of numbers, which is not kept",
    "/populations": "takes a file",
    "/changes/check": "answers a part of the editor",
    "/changes/{change}/draft": "the policy editor: one form with several buttons",
    "/overrides": "its outcome fields are made from the policy that is chosen",
    "/audit/verifications": "a button that starts a job",
    "/audit/exports": "a button that starts a job",
    **{
        f"{path}/{{job}}/cancel": "a button"
        for path in (
            "/audit/verifications",
            "/audit/exports",
            "/packs",
            "/reevaluations",
            "/data-checks",
            "/runs",
            "/benchmarks",
        )
    },
}
"""Forms that are no actions, or whose actions are not tried here, each with the reason."""
ACTIONS: tuple[FormAction[Any], ...] = tuple(
    each for each in ROUTES if isinstance(each, FormAction) and each.path not in OTHERS
)
BY_PATH = {action.path: action for action in ACTIONS}
NEW = "another staple for it"


class Scenario(NamedTuple):
    """Who can send a form, from which page, and what they fill in."""

    by: str
    page: str
    fields: dict[str, Any]


def scenarios(here: Company) -> dict[str, Scenario]:
    """A scenario for each action, on objects of its own."""
    here.in_force(bonus("1.1.0"))
    for subject in ("M1", "M2", "E1"):
        decided(here, subject)
    with here.database.write(here.clock, LaneName.DECISIONS) as transaction:
        here.app.service.fact_cipher.keys_for(transaction, [Subject("E1")])
    with here.database.write(here.clock) as transaction:  # of two sessions one can be ended
        start_session(transaction, here.people["finance"], PASSWORD)
        enrol(transaction, here.people["sally"])
    reason = {"reason": "sound"}
    signed = {**reason, "password": SECRET}
    details = PopulationDetails("spring", "customer", here.clock.now().date())
    population = register(here.database, here.clock, here.app.service.fact_cipher, details, b"subject\nC1\n")
    results = {
        "/populations/{population}/delete": Scenario("ann", f"/populations/{population.id}", {}),
        "/accounts": Scenario("root", "/accounts/new", {"name": "a.new.one", "printed_name": "A New One"}),
        "/api-keys": Scenario("root", "/api-keys/new", {"name": "a machine", "scopes": ["integration"]}),
        "/packs": Scenario("compliance", "/packs", {"policy": TIER}),
        "/subjects/merge": Scenario(
            "compliance", "/subjects/merge", {"subject": "M1", "into": "M2", "reason": "one", "password": SECRET}
        ),
        "/subjects/erase": Scenario("compliance", "/subjects/erase?subject=E1", {**signed, "confirmation": "E1"}),
        "/keys/signing": Scenario("root", "/keys", {"password": SECRET}),
        "/keys/master": Scenario("root", "/keys", {"password": SECRET}),
        "/data-checks": Scenario("compliance", "/data-checks", {}),
        "/benchmarks": Scenario("ann", "/benchmarks", {}),
        "/runs": Scenario("compliance", "/runs", {"policy": TIER}),
        "/reevaluations": Scenario("compliance", "/reevaluations", {"policy": TIER}),
        "/account/second-factor/remove": Scenario("sally", "/account/second-factor", {"password": SECRET}),
        "/account/sessions/end": Scenario("finance", "/account", {}),
        "/account/password": Scenario("ben", "/account", {"old": SECRET, "new": NEW, "again": NEW}),
        "/suspensions": Scenario("sales", f"/policies/{TIER}/suspend", signed),
    }
    for action, by, fields in (
        ("roles", "root", {"roles": ["compliance"]}),
        ("disable", "root", {}),
        ("enable", "root", {}),
        ("password", "root", {"new": NEW, "again": NEW}),
        ("second-factor", "root", {}),
        ("link", "root", {"issuer": "https://identity.example", "subject": "1"}),
        ("attest", "compliance", {"password": SECRET}),
    ):
        results[f"/accounts/{{account}}/{action}"] = Scenario(by, f"/accounts/{_account(here, action)}", fields)
    key = here.did("POST", "/v1/api-keys", "root", _key())["id"]
    results["/api-keys/{key}/revoke"] = Scenario("root", f"/api-keys?revoke={key}", {})
    for version, (action, by, fields) in enumerate(
        (
            ("cancel", "ann", reason),
            ("schedule", "ann", {}),
            ("sign-offs", "compliance", {**signed, "meaning": "conforms"}),
            ("request-changes", "compliance", reason),
            ("reject", "compliance", reason),
            ("withdraw", "ann", reason),
            ("comments", "ann", {"text": "why?"}),
            ("end-analysis", "ann", reason),
            ("submit", "ann", {}),  # its version is the highest
        )
    ):
        results[f"/changes/{{change}}/{action}"] = Scenario(by, f"/changes/{_change(here, action, version)}", fields)
    suspension = here.did("POST", "/v1/suspensions", "sales", _suspension())["id"]
    for action in ("ratify", "end"):
        results[f"/suspensions/{{suspension}}/{action}"] = Scenario("compliance", f"/suspensions/{suspension}", signed)
    for action, query in (("sign", ""), ("end", "?act=end")):
        page = f"/overrides/{_override(here, action)}{query}"
        results[f"/overrides/{{override}}/{action}"] = Scenario("compliance", page, signed)
    return results


def _account(here: Company, action: str) -> str:
    roles = [Role.SALES_DIRECTOR if action == "attest" else Role.AUTHOR]
    with here.database.write(here.clock) as transaction:
        password_hash = hash_password(SECRET)
        account = identity.create_account(
            transaction,
            here.people["root"].actor(),
            name=f"for.{action}",
            printed_name=f"For {action}",
            roles=roles,
            password_hash=password_hash,
        )
        identity.set_password(transaction, account.actor(), account.id, password_hash)
        if action == "second-factor":
            enrol(transaction, account)
        if action == "enable":
            identity.disable(transaction, here.people["root"].actor(), account.id)
    return account.id


def _change(here: Company, action: str, version: int) -> str:
    text, days = tier(f"3.0.{version}", 300 + version), timedelta(days=1 + version)
    effective = {"from": timestamp(here.clock.at + days)}  # no two changes of one policy begin at the same instant
    if action == "submit":
        change = here.create(text, effective=effective)
    elif action == "end-analysis":
        change = here.create(text, effective=effective)
        with here.database.write(here.clock) as transaction:
            approval.analyse(transaction, here.people["ann"].actor(), change["id"], expected=change["etag"])
    elif action in {"schedule", "cancel"}:
        change = here.signed(text, effective=effective)
    else:
        change = here.moved("submit", here.create(text, effective=effective))
    return str((here.moved("schedule", change) if action == "cancel" else change)["id"])


def _override(here: Company, subject: str) -> str:
    visitor = Visitor(here, "sales")
    page = visitor.get(f"/overrides/new?subject={subject}&policy={TIER}")
    fields: dict[str, Any] = {"o.0.size": "small", "reason": "a partner", "last_day": "2026-12-24", "password": SECRET}
    made = visitor.send(page, "form#making", **fields)
    assert made.status == 200, made.text()
    return made.address.partition("?")[0].rpartition("/")[2]


def _key() -> dict[str, object]:
    return {"name": "old machine", "scopes": ["integration"], "expires_at": "2026-12-24T00:00:00Z"}


def _suspension() -> dict[str, object]:
    return {"policy": BONUS, "version": "1.1.0", "role": "sales_director", "reason": "wrong", "password": SECRET}


def furnish(here: Company) -> None:
    """Makes what the forms are about."""
    SCENARIOS.update(scenarios(here))


SCENARIOS: dict[str, Scenario] = {}
"""Of the company that was furnished once; its copies have the same."""


@pytest.fixture(scope="module")
def refusing() -> Iterator[Company]:
    """A company in which no form has an effect."""
    with company(furnish=furnish) as here:
        yield here


@pytest.fixture
def effective() -> Iterator[Company]:
    """A company in which one form is sent."""
    with company(furnish=furnish) as here:
        yield here


class Opened(NamedTuple):
    """A form on its page, valid as it would be sent."""

    visitor: Visitor
    page: Seen
    path: str
    selector: str
    fields: dict[str, Any]

    def send(self, **fields: Any) -> Seen:  # noqa: ANN401  # what is filled in
        """Sends it with other values."""
        return self.visitor.post(self.path, {**self.fields, **fields}, follow=False)


def opened(here: Company, path: str) -> Opened:
    """The form of an action, filled in."""
    scenario = SCENARIOS[path]
    visitor = Visitor(here, scenario.by)
    page = visitor.get(scenario.page)
    ending = path.rpartition("}")[2] if "}" in path else path
    selector = f"form[method=post][action$='{ending}']"
    form = page.one(selector)
    address = form.attributes["action"] or ""
    return Opened(visitor, page, address, selector, {**standing_fields(form), **scenario.fields})


def test_every_form_is_an_action_or_has_a_reason_not_to_be() -> None:
    response = {path for method, path in PERMISSIONS if method == "POST" and not path.startswith("/v1/")}
    assert response == set(BY_PATH) | set(OTHERS)
    assert not set(BY_PATH) & set(OTHERS)


def test_secrets_are_never_shown_again() -> None:
    drawn = [(field.name, field.widget.kind) for action in ACTIONS for field in form_fields(action.form)]
    secrets = {name for name, kind in drawn if kind in {"proof", "new-password", "current-password"}}
    assert secrets | {CODE} == SECRET_FIELDS


@pytest.mark.one_in(3)
@pytest.mark.parametrize("path", BY_PATH)
def test_the_browser_knows_the_limits_of_the_model(refusing: Company, path: str) -> None:
    form = opened(refusing, path)
    for field in form_fields(BY_PATH[path].form):
        nodes = form.page.all(f"{form.selector} [name='{field.name}']")
        assert nodes, field.name
        result = nodes[0].attributes
        if result.get("type") in {"hidden", "checkbox"}:
            continue
        assert {name: int(result.get(name) or -1) for name in field.limits} == dict(field.limits), field.name
        assert not field.required or "required" in result or nodes[0].css("option[value='']"), field.name
        assert form.page.text(f"label[for='{result['id']}']"), field.name
        for described in (result.get("aria-describedby") or "").split():
            assert form.page.text(f"#{described}"), described


@pytest.mark.one_in(3)
@pytest.mark.parametrize("path", BY_PATH)
def test_each_error_stands_at_its_field_with_the_focus(refusing: Company, path: str) -> None:
    form = opened(refusing, path)
    for field in form_fields(BY_PATH[path].form):
        result = form.page.all(f"{form.selector} [name='{field.name}']")[0].attributes
        if result.get("type") == "hidden":
            continue
        wrong = ["x" * (field.limits["maxlength"] + 1)] if "maxlength" in field.limits else ["\x01"]
        wrong += [""] if field.required and not field.default else []
        for value in wrong:
            refused = form.send(**{field.name: value})
            assert refused.status == 422, (field.name, value[:9])
            name = result.get("id") or field.name
            assert refused.text(f"{form.selector} #fault-{name}"), (field.name, value[:9])
            assert [node.attributes["name"] for node in refused.all("[autofocus]")] == [field.name]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("path", BY_PATH)
def test_an_unknown_field_is_refused_in_place(refusing: Company, path: str) -> None:
    form = opened(refusing, path)
    refused = form.send(surprise="x")
    assert refused.status == 422
    assert "There is no such field." in refused.text(".refusal")
    assert refused.has(form.selector)


STATEFUL = [path for path in BY_PATH if path.startswith(("/accounts/{", "/changes/{"))]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("path", STATEFUL)
def test_a_stale_form_is_refused_in_place(refusing: Company, path: str) -> None:
    form = opened(refusing, path)
    if "_etag" not in form.fields:
        assert path in {"/changes/{change}/sign-offs", "/changes/{change}/comments"}  # by digest; about any state
        return
    before = rows(refusing)
    refused = form.send(_etag="stale")
    assert refused.status == 412
    assert refused.has(".refusal[autofocus]")
    assert refused.has(form.selector)
    assert rows(refusing) == before


@pytest.mark.one_in(4)
@pytest.mark.parametrize("path", BY_PATH)
def test_a_form_that_is_sent_twice_has_one_effect(effective: Company, path: str) -> None:
    form = opened(effective, path)
    before = rows(effective)
    first = form.send()
    assert first.status in {201, 303}, first.text("main")
    after = rows(effective)
    assert after != before
    second = form.send()
    assert second.status == 303
    assert rows(effective) == after
    if first.status == 303 and path != "/account/password":  # all sessions have ended with the old password
        assert second.headers["location"] == first.headers["location"]


def rows(here: Company) -> dict[str, int]:
    """How many rows each table has that forms write, when no job runs; checkpoints are written on their own."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with here.database.read() as session:
            if not running_processes(session):
                break
        time.sleep(0.01)
    with here.database.read() as session:
        return {
            table.name: session.exec(select(func.count()).select_from(table)).one()
            for table in SQLModel.metadata.sorted_tables
            if not table.name.startswith("checkpoint")
        }
