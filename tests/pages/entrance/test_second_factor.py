"""A second factor: set up on one's own page, asked for at every signature where the settings say so, and removed."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import segno

from policy_service.identity.second_factor import code_at
from tests.api.client import SECRET
from tests.api.company import Company, company, submitted
from tests.pages.visitor import Seen, Visitor

PATH = "/account/second-factor"


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as found:
        object.__setattr__(found.app.service.settings, "second_factor", "required")
        yield found


def code(here: Company, key: str) -> str:
    """The code that the application shows now."""
    return code_at(key, int(here.clock.at.timestamp()) // 30)


def enrolled(here: Company, name: str) -> str:
    """Sets up the second factor of a person; gives its key."""
    visitor = Visitor(here, name)
    page = visitor.get(PATH)
    key = page.text("#factor-key")
    page = visitor.send(page, "form#enrol", code=code(here, key), password=SECRET)
    assert "Your second factor is set up." in page.text(".notice")
    assert key not in page.html
    here.clock.move(seconds=30)
    return key


def sign(here: Company, change: str, by: str, **fields: Any) -> Seen:  # noqa: ANN401  # what stands in fields
    visitor = Visitor(here, by)
    return visitor.send(visitor.get(f"/changes/{change}"), "form#sign", reason="sound", password=SECRET, **fields)


def test_a_signature_takes_the_code_and_a_wrong_one_signs_nothing(here: Company) -> None:
    change = submitted(here, 31)
    refused = sign(here, change["id"], "sales", _code="123456")
    assert refused.status == 403
    assert "Set up your second factor first" in refused.text("#refusal")
    key = enrolled(here, "sales")
    refused = sign(here, change["id"], "sales", _code="123456")
    assert "The password or the code is wrong" in refused.text("#refusal")
    assert "123456" not in refused.html
    assert here.read(change)["signatures"] == []
    assert "You signed the change." in sign(here, change["id"], "sales", _code=code(here, key)).text(".notice")


def test_a_program_sends_the_code_in_a_header(here: Company) -> None:
    change, key = submitted(here, 32), enrolled(here, "compliance")
    body = here.signature(change, "compliance", meaning="conforms")
    path = f"/v1/changes/{change['id']}/sign-offs"
    assert here.ask("POST", path, "compliance", body).status_code == 403
    assert here.ask("POST", path, "compliance", body, one_time_code=code(here, key)).status_code == 201


def test_the_qr_code_is_of_the_address_with_the_key(here: Company) -> None:
    page = Visitor(here, "finance").get(PATH)
    drawn = {(int(x) - 4, int(y) - 4) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", page.html)}
    address = page.one("main a[href^='otpauth:']").attributes["href"] or ""
    assert page.text("#factor-key") in address
    expected = {(x, y) for y, row in enumerate(segno.make_qr(address).matrix) for x, dark in enumerate(row) if dark}
    assert drawn == expected


def test_what_is_no_code_of_the_key_is_refused_at_its_field(here: Company) -> None:
    visitor = Visitor(here, "finance")
    page = visitor.get(PATH)
    refused = visitor.send(page, "form#enrol", code="000000", password=SECRET)
    assert refused.status == 422
    assert "does not belong to this key" in refused.text("#fault-code")
    assert refused.text("#factor-key") == page.text("#factor-key"), "the application has it already"
    assert "not set up" in visitor.get(PATH).text("main")


def test_its_owner_removes_it_with_a_code_and_an_administrator_without(here: Company) -> None:
    key, visitor = enrolled(here, "general"), Visitor(here, "general")
    refused = visitor.send(visitor.get(PATH), "form#remove", password=SECRET, _code="")
    assert refused.status == 403
    page = visitor.send(visitor.get(PATH), "form#remove", password=SECRET, _code=code(here, key))
    assert "Your second factor was removed." in page.text(".notice")
    enrolled(here, "general")
    address, root = f"/accounts/{here.people['general'].id}", Visitor(here, "root")
    page = root.send(root.get(address), "form[action$='/second-factor']")
    assert "The second factor was removed." in page.text(".notice")
    assert not page.has("form[action$='/second-factor']")


def test_where_it_is_off_nobody_is_asked(here: Company) -> None:
    object.__setattr__(here.app.service.settings, "second_factor", "off")
    change = submitted(here, 33)
    assert not Visitor(here, "both").get(f"/changes/{change['id']}").has("#sign [name=_code]")
    assert here.sign(change, "both", "compliance", meaning="conforms").status_code == 201
    assert "Signatures do not ask for it here." in Visitor(here, "sales").get(PATH).text("main")
    object.__setattr__(here.app.service.settings, "second_factor", "required")
