"""Nobody acts by rows of a change, a suspension or an override that the log does not tell of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from sqlmodel import SQLModel

from api.features.health.endpoints import readiness
from policy_service import migrations
from policy_service.audit import guard
from policy_service.audit.log_key import NAME, make_log_key
from policy_service.audit.row_verification import LoggedKind, require_logged
from policy_service.canonical import digest
from policy_service.database import Database
from policy_service.integrity import DamagedRecord, TamperedRecord
from tests.api.client import SECRET, assert_problem
from tests.api.company import ROLES, Company, Json, company, later
from tests.approval.world import BONUS, TIER, bonus, tier
from tests.databases import BACKENDS
from tests.storage.steps import at_step
from tests.storage.test_upgrades import fill as fill_before
from tests.verification.everything import Place, executed
from tests.verification.test_keys import begin, rotate

BY = {role: name for name, role in ROLES.items()}
SIGNED = {"reason": "as agreed", "password": SECRET}


@pytest.fixture
def here() -> Iterator[Company]:
    with company() as made:
        yield made


def tamper(here: Company, *statements: str) -> None:
    executed(Place(here.database.url, here.app.service.settings.keys), *statements)


def another(table: str, where: str, **values: str) -> str:
    """Puts a row like another into a table, but for some values, in SQL."""
    names = SQLModel.metadata.tables[table].columns.keys()
    columns, value = (", ".join(f'"{name}"' for name in names), (values.get(name, f'"{name}"') for name in names))
    return f'INSERT INTO "{table}" ({columns}) SELECT {", ".join(value)} FROM "{table}" WHERE {where}'


# ------------------------------------------------------------------------------------ what stands, and what is done


def draft(here: Company) -> str:
    change = here.create(tier(here.next_version(), 50))
    path, body = f"/v1/changes/{change['id']}/draft", here.draft(tier(here.next_version(), 60))
    here.did("PUT", path, "ann", body, if_match=f'"{change["etag"]}"')
    return str(change["id"])


def half_signed(here: Company) -> str:
    change = here.moved("submit", here.create(tier(here.next_version(), 50)))
    here.sign(change, BY[change["owed"][0]])
    return str(change["id"])


def signed(here: Company) -> str:
    return str(here.signed(tier(here.next_version(), 50))["id"])


def scheduled(here: Company) -> str:
    return str(here.moved("schedule", here.signed(tier(here.next_version(), 50)))["id"])


def suspension(here: Company) -> str:
    here.in_force(tier(here.next_version(), 50))
    body = {"policy": TIER, "version": here.version(), "role": "sales_director", **SIGNED}
    answer = here.did("POST", "/v1/suspensions", "sales", body)["id"]
    here.did("POST", f"/v1/suspensions/{answer}/ratify", "compliance", {"role": "compliance", **SIGNED})
    return str(answer)


def override(here: Company) -> str:
    body = {"subject": "C1", "policy": TIER, "outcome": {"size": "small"}, "role": "sales_director"}
    made = here.did("POST", "/v1/overrides", "sales", {**body, **SIGNED, "until": later(here, 3)["from"]})
    sign_override(here, str(made["override"]))
    return str(made["override"])


def sign(here: Company, name: str) -> httpx.Response:
    change = here.read({"id": name})
    role = next((role for role in ("compliance", *change["owed"]) if role in change["owed"]), "compliance")
    return here.sign(change, BY[role])


def move(action: str, by: str = "ann") -> Callable[[Company, str], httpx.Response]:
    return lambda here, name: here.act(action, here.read({"id": name}), by)


def edit(here: Company, name: str) -> httpx.Response:
    tag = f'"{here.read({"id": name})["etag"]}"'
    return here.ask("PUT", f"/v1/changes/{name}/draft", "ann", here.draft(tier(here.next_version())), if_match=tag)


def ratify(here: Company, name: str) -> httpx.Response:
    return here.ask("POST", f"/v1/suspensions/{name}/ratify", "general", {"role": "general_manager", **SIGNED})


def end_suspension(here: Company, name: str) -> httpx.Response:
    return here.ask("POST", f"/v1/suspensions/{name}/end", "sales", {"role": "sales_director", **SIGNED})


def sign_override(here: Company, name: str) -> httpx.Response:
    answer = here.did("GET", f"/v1/overrides/{name}", "compliance")["digest"]
    body = {"role": "compliance", "digest": answer, **SIGNED}
    return here.ask("POST", f"/v1/overrides/{name}/sign-offs", "compliance", body)


def end_override(here: Company, name: str) -> httpx.Response:
    return here.ask("POST", f"/v1/overrides/{name}/end", "sales", {"role": "sales_director", **SIGNED})


ACTS: dict[str, tuple[Callable[[Company], str], Callable[[Company, str], httpx.Response]]] = {
    "edit": (draft, edit),
    "submit": (draft, move("submit")),
    "withdraw": (draft, move("withdraw")),
    "sign": (half_signed, sign),
    "request-changes": (half_signed, move("request-changes", "compliance")),
    "reject": (half_signed, move("reject", "compliance")),
    "schedule": (signed, move("schedule")),
    "cancel": (scheduled, move("cancel", "compliance")),
    "ratify": (suspension, ratify),
    "end a suspension": (suspension, end_suspension),
    "sign an override": (override, sign_override),
    "end an override": (override, end_override),
}
LAST = "change = '{0}' AND number = (SELECT max(number) FROM change_action WHERE change = '{0}')"
CHANGES = {
    "forged": another("change_action", LAST, number="number + 1", actor="'forged'"),
    "altered": f"UPDATE change_action SET printed_name = 'Somebody' WHERE {LAST}",
    "removed": f"DELETE FROM change_action WHERE {LAST}",
    "author": "UPDATE change SET author = 'somebody' WHERE id = '{0}'",
}
SUSPENSIONS = {
    "forged": "INSERT INTO suspension_end (suspension, actor, actor_name, printed_name, reason, at) "
    "SELECT suspension, actor, actor_name, printed_name, reason, at FROM ratification WHERE suspension = '{0}'",
    "altered": "UPDATE suspension SET actor = 'somebody' WHERE id = '{0}'",
    "removed": "DELETE FROM ratification WHERE suspension = '{0}'",
}
OVERRIDES = {
    "forged": another("override_signature", "override = '{0}'", role="'general_manager'", actor="'forged'"),
    "altered": "UPDATE override SET reason = 'another' WHERE id = '{0}'",
    "removed": "DELETE FROM override_signature WHERE override = '{0}'",
}
TAMPERING: list[tuple[Callable[[Company], str], dict[str, str]]] = [
    *((prepare, CHANGES) for prepare in (draft, half_signed, signed)),
    (scheduled, CHANGES | {"forged": another("change_submitted", "change = '{0}'", policy="'tiering/other'")}),
    (suspension, SUSPENSIONS),
    (override, OVERRIDES),
]
CASES = [
    (act, how, statement)
    for act, (prepare, _) in ACTS.items()
    for prepared, statements in TAMPERING
    for how, statement in statements.items()
    if prepared is prepare
]


@pytest.mark.one_in(5)
@pytest.mark.parametrize(("act", "how", "statement"), CASES, ids=[f"{act}: {how}" for act, how, _ in CASES])
def test_nothing_is_done_by_rows_that_the_log_does_not_tell_of(
    here: Company, act: str, how: str, statement: str
) -> None:
    prepare, do = ACTS[act]
    name = prepare(here)
    before = in_force(here)
    tamper(here, statement.format(name))
    problem = assert_problem(do(here, name), 503, "damaged-record")
    assert "does not match the log" in problem["detail"], how
    assert "does not match the log" in "\n".join(readiness(here.app.service).concerns)
    assert in_force(here) == before


def in_force(here: Company) -> tuple[int, ...]:
    """How many activations and cancellations there are."""
    with here.database.read() as session:
        query = "SELECT (SELECT count(*) FROM activation), (SELECT count(*) FROM cancellation)"
        return tuple(session.connection().exec_driver_sql(query).one())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_signature_that_nobody_gave_puts_nothing_in_force(backend: str) -> None:
    with company(backend) as here:
        change = here.moved("submit", here.create(tier(here.next_version(), 50)))
        first, *others = change["owed"]
        here.sign(change, BY[first])
        for number, role in enumerate(others, 1):
            person = f"'{here.people[BY[role]].id}'"
            where = f"change = '{change['id']}' AND role = '{first}'"
            fields = {"number": f"number + {number}", "role": f"'{role}'", "actor": person}
            tamper(here, another("change_action", where, **fields))
        forged = here.read(change)
        assert (forged["state"], forged["owed"]) == ("signed_off", [])
        problem = assert_problem(here.act("schedule", forged), 503, "damaged-record")
        assert f'the row ["{change["id"]}",4] of `change_action` does not match the log' in problem["detail"]
        here.clock.move(days=2)
        assert here.version() == "1.0.0"


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_act_is_done_by_rows_that_the_log_tells_of(backend: str) -> None:
    with company(backend) as here:
        for act, (prepare, do) in ACTS.items():
            if prepare not in {suspension, override}:
                assert do(here, prepare(here)).is_success, act
                here.clock.move(days=2)
        here.clock.move(days=2)
        assert end_suspension(here, suspension(here)).is_success
        assert end_override(here, override(here)).is_success
        here.clock.move(days=1)
        back = here.signed(rollback={TIER: "1.0.0"})
        here.moved("schedule", back)
        here.clock.move(days=2)
        here.moved("schedule", here.signed(bonus(here.next_version(), 20)))
        here.clock.move(days=2)
        here.moved("schedule", here.signed(ends=[BONUS]))
        here.clock.move(days=2)
        assert (here.version(), here.version(BONUS)) == ("1.0.0", None)
        result = guard.guard_for(here.app.service.database)
        assert result is not None
        assert result.faults == []


def test_a_first_version_is_stopped_and_let_go(here: Company) -> None:
    body = {"policy": TIER, "version": "1.0.0", "role": "sales_director", **SIGNED}
    stop: Json = here.did("POST", "/v1/suspensions", "sales", body)
    ratifying = {"role": "compliance", **SIGNED}
    here.did("POST", f"/v1/suspensions/{stop['id']}/ratify", "compliance", ratifying)
    assert end_suspension(here, stop["id"]).is_success
    assert here.version() == "1.0.0"


def test_nobody_falls_back_to_a_version_that_was_never_in_force(here: Company) -> None:
    here.in_force(tier(here.next_version(), 50))
    tamper(here, "UPDATE activation SET effective_until = '2027-01-01T00:00:00.000000Z' WHERE seq = 1")
    body = {"policy": TIER, "version": here.version(), "role": "sales_director", **SIGNED}
    problem = assert_problem(here.ask("POST", "/v1/suspensions", "sales", body), 503, "damaged-record")
    assert "the row 1 of `activation` was altered" in problem["detail"]


def test_a_signer_who_got_the_account_back_by_hand_does_not_count(here: Company) -> None:
    change = here.read({"id": signed(here)})
    signer = here.people["compliance"].id
    tamper(here, another("account_change", f"account = '{signer}'", seq="seq + 9000"))
    problem = assert_problem(here.act("schedule", change), 503, "damaged-record")
    assert f"the row {signer} of `account` does not match the log" in problem["detail"]


@pytest.mark.parametrize("what", ["UPDATE version SET digest = 'x' WHERE version = '{0}'", "text"])
def test_another_text_under_what_was_signed_is_not_put_in_force(here: Company, what: str) -> None:
    number = here.next_version()
    text = tier(number, 50)
    change = here.create(text) if what == "text" else here.signed(text)
    other = f"UPDATE change_text SET content = {hexadecimal(tier(number, 70))} WHERE digest = '{digest(text)}'"
    tamper(here, other if what == "text" else what.format(number))
    answer = here.act("submit" if what == "text" else "schedule", change)
    assert_problem(answer, 503, "damaged-record")


def hexadecimal(content: bytes) -> str:
    return f"X'{content.hex()}'"


@pytest.mark.parametrize("kind", ["change", "suspension", "override"])
def test_what_is_not_there_is_no_fault_of_the_log(here: Company, kind: LoggedKind) -> None:
    with here.database.read() as session:
        require_logged(session, kind, "nothing")


def test_rows_from_before_the_log_told_of_rows_count_as_they_were_found(tmp_path: Path) -> None:
    with at_step("sqlite", "0007") as database:
        fill_before(database)
        migrations.upgrade(database)
        place = begin(database, tmp_path)
        told(database, "larger")
        executed(place, "UPDATE change_action SET reason = 'another' WHERE number = 2 AND change = 'larger'")
        with pytest.raises(TamperedRecord, match=r'the row \["larger",2\] of `change_action`'):
            told(database, "larger")


def test_entries_whose_key_was_lost_are_vouched_by_the_chain(here: Company) -> None:
    name = signed(here)
    place = Place(here.database.url, here.app.service.settings.keys)
    (place.keys / NAME).unlink()
    rotate(here.database, place, is_lost=True)
    told(here.database, name)
    line = 'CAST(replace(CAST(line AS TEXT), \'"reason":"sound"\', \'"reason":"right"\') AS BLOB)'
    executed(place, f"UPDATE audit_entry SET line = {line} WHERE event = 'change_signed_off'")
    with pytest.raises(TamperedRecord, match=rf"the row {name} of `change` does not match the log"):
        told(here.database, name)


def test_nothing_is_vouched_for_behind_an_entry_that_is_none(here: Company) -> None:
    name = signed(here)
    place = Place(here.database.url, here.app.service.settings.keys)
    (place.keys / NAME).unlink()
    rotate(here.database, place, is_lost=True)
    executed(place, "UPDATE audit_entry SET line = x'7b7d' WHERE event = 'change_signed_off'")
    with pytest.raises(TamperedRecord, match=rf"the row {name} of `change` does not match the log"):
        told(here.database, name)


def test_entries_under_a_key_that_the_log_never_named_are_vouched_by_nobody(here: Company) -> None:
    name = signed(here)
    place = Place(here.database.url, here.app.service.settings.keys)
    (place.keys / NAME).unlink()
    make_log_key(place.keys)
    with pytest.raises(TamperedRecord, match=rf"the row {name} of `change` does not match the log"):
        told(here.database, name)


def told(database: Database, change: str) -> None:
    with database.read() as session:
        require_logged(session, "change", change)


def test_without_macs_rows_are_taken_as_they_are(here: Company) -> None:
    name = half_signed(here)
    tamper(here, CHANGES["altered"].format(name))
    with closing(Database(here.database.url)) as database:
        told(database, name)
    assert issubclass(TamperedRecord, DamagedRecord)
