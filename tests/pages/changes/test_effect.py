"""The effect of a change, read before it is signed: whom it moves, who must sign for it, and what is red."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from operator import sub

import pytest
from PIL.Image import Image
from pypdfium2 import PdfDocument

from api.kit.languages import translations
from policy_service.actor import Role
from policy_service.clock import timestamp
from policy_service.decisions.master_keys import open_or_create
from policy_service.decisions.subjects import FactCipher
from policy_service.language.policy import Bilingual, Outcome
from policy_service.language.types import BooleanType
from policy_service.messages import translate
from policy_service.population.effect_view import unknown_reason
from policy_service.population.effect_words import word_text
from policy_service.population.registered.model import PopulationDetails
from policy_service.population.registered.service import delete_population
from policy_service.subject import Subject
from tests.api.client import SECRET, assert_problem
from tests.api.company import Company, Json, company, refused
from tests.api.simulated import furnish
from tests.approval.world import TIER, World, tier
from tests.overrides.alone import record_alone
from tests.pages.visitor import Visitor
from tests.population.recorded import CUSTOMERS, NEARLY_BIG, record
from tests.population.registering import register


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company(furnish=furnish) as made:
        yield made


@pytest.fixture(scope="module")
def six(here: Company) -> Json:
    """A change of one threshold, which moves six customers."""
    return submitted(here, 95, 2)


@pytest.fixture(scope="module")
def everybody(here: Company) -> Json:
    """A change by which everybody is big."""
    return submitted(here, 1, 3)


def submitted(here: Company, limit: int, days: int) -> Json:
    effective = {"from": timestamp(here.clock.at + timedelta(days=days))}
    return here.moved("submit", here.create(tier(here.next_version(), limit), effective=effective))


def test_what_records_lack_is_told_in_the_language_of_the_reader() -> None:
    problem = unknown_reason("followup/care needs the columns `severity`")
    assert problem == "no record has what followup/care needs: `severity`"
    assert translate(problem, translations("zh").gettext) == "记录中没有 followup/care 所需的输入项：`severity`"
    assert unknown_reason("1 row has no subject") == "1 row has no subject"


def test_six_of_six_hundred_are_named_and_two_sign(here: Company, six: Json) -> None:
    assert six["roles"] == ["sales_director", "compliance"]
    page = Visitor(here, "sales").get(f"/changes/{six['id']}")
    assert "6 of 600 move (customer)" in page.text("#effect-line")
    effect = page.text("#effect")
    assert all(name in effect for name in NEARLY_BIG)
    assert "moved 6, unchanged 594, undecided on both sides 0" in effect
    assert "size · big · orders" in effect
    assert "tiering/size ·" not in effect, "policies are called by their titles"
    assert page.all("#effect svg.chart")
    order = [node.attributes["id"] for node in page.all("section.part")]
    assert order[0] == "effect"
    assert page.html.index('id="effect-line"') < page.html.index('id="glance-what"')
    assert "6 of 600 move (customer)" in Visitor(here, "sales").get("/").text("table.to-sign")


def test_who_writes_policies_sees_the_figures_and_no_names(here: Company, six: Json) -> None:
    page = Visitor(here, "ann").get(f"/changes/{six['id']}")
    assert "6 of 600 move (customer)" in page.text("#effect-line")
    assert "L0" not in page.text("#effect")
    assert not page.has('#effect a[href^="/runs"]')
    assert "Only signers can see who moves." in page.text("#effect")
    assert Visitor(here, "ann").get(f"/changes/{six['id']}/movers.csv").status == 403


def test_what_depends_on_the_change_and_moves_nobody_is_named_on_one_line(here: Company) -> None:
    effect = Visitor(here, "sales").get(f"/changes/{submitted(here, 101, 4)['id']}").text("#effect")
    assert "in force on 24 Nov 2026 without and with this change" in effect
    assert "moved 0, unchanged 600, undecided on both sides 0" in effect
    assert "Depends on the change; no subject moves: bonus" in effect


def test_it_is_told_in_chinese_and_on_paper(here: Company, six: Json) -> None:
    sales = Visitor(here, "sales", "zh-CN")
    for address in (f"/changes/{six['id']}", f"/changes/{six['id']}/print"):
        page = sales.get(address)
        assert "600 个客户中有 6 个发生变动" in page.text("#effect-line")
        assert "订单" in page.text("#effect")


def test_everybody_moves_in_red_and_one_more_signs(here: Company, everybody: Json) -> None:
    assert everybody["roles"] == ["sales_director", "general_manager", "compliance"]
    page = Visitor(here, "sales").get(f"/changes/{everybody['id']}")
    assert "600 of 600 move (customer)" in page.text("#effect-line.refusal")
    assert "Everybody moves: no subject keeps its outcome." in page.text("#effect-line")
    assert "580 more are not named here." in page.text("#effect")


def test_paper_has_the_bars_the_cells_and_what_is_red_in_their_colours(here: Company, everybody: Json) -> None:
    answer = Visitor(here, "sales", "zh-CN").get(f"/changes/{everybody['id']}/dossier.pdf")
    with closing(PdfDocument(answer.body)) as document:
        first, second = (document[number].render(scale=1).to_pil().convert("RGB") for number in (0, 1))
    red, before, after = (0xFC, 0xE9, 0xE9), (0x7A, 0x82, 0x8C), (0x1D, 0x4F, 0x91)
    assert pixels(first)[red] > 5000, "the box of what weakens protection"
    assert pixels(second)[before] > 2000, "a bar as long as the page is wide"
    assert pixels(second)[after] > 2000
    dense = tuple(round(0.45 * paint + 0.55 * 255) for paint in after)
    assert any(count > 1000 and max(map(abs, map(sub, colour, dense))) < 3 for colour, count in pixels(second).items())


def pixels(image: Image) -> Counter[tuple[int, ...]]:
    """How many pixels have which colour."""
    return Counter({colour: count for count, colour in image.getcolors(2**20) or () if isinstance(colour, tuple)})


def test_programs_read_it_and_names_are_disclosed_by_an_entry(here: Company, six: Json) -> None:
    path = f"/v1/changes/{six['id']}/simulation"
    found = here.did("GET", path)
    assert (found["digest"], found["impact_share"]) == (six["simulation"], "0.0100")
    assert (found["parts"][0]["moved"], "movers" in found["parts"][0]) == (6, False)
    assert here.ask("GET", f"{path}/movers").status_code == 403
    lines = here.ask("GET", f"{path}/movers", "sales").text.splitlines()
    assert {line.split(",")[0] for line in lines[1:] if "tiering/size" in line} == set(NEARLY_BIG)
    run = Visitor(here, "sales").get(f"/changes/{six['id']}").one('#effect a[href^="/runs?"]').attributes["href"] or ""
    assert f"change={six['id']}" in run
    page = Visitor(here, "sales").get(f"/changes/{six['id']}/movers.csv")
    assert page.body.decode("utf-8-sig").splitlines()[1:] == lines[1:]
    entries = here.did("GET", "/v1/audit?event=list_exported", "compliance")["items"]
    assert {entry["body"]["filters"]["change"] for entry in entries} == {six["id"]}


def test_a_boolean_outcome_stands_in_the_words_of_the_reader() -> None:
    overdue = Outcome("overdue", BooleanType(), Bilingual("已逾期", "overdue"))
    assert [word_text(word, overdue, "zh") for word in ("true", "false", "(missing)")] == ["是", "否", "not given"]
    assert word_text("true", None, "zh") == "true"


def test_a_change_may_name_a_registered_population(here: Company) -> None:
    cipher = FactCipher(open_or_create(here.app.service.settings.keys))
    details = PopulationDetails("spring", "customer", here.clock.at.date())
    register(here.database, here.clock, cipher, details, b"subject,orders\nP1,96\nP2,20")
    ann, effective = Visitor(here, "ann"), {"from": timestamp(here.clock.at + timedelta(days=9))}
    draft = here.create(tier(here.next_version(), 95), effective=effective, simulated_over="winter")
    page = ann.send(ann.get(f"/changes/{draft['id']}"), "form#submit")
    assert "There is no population 'winter'." in page.text()
    assert here.read(draft)["state"] == "draft"
    page = ann.get(f"/changes/{draft['id']}/draft")
    assert "spring" in page.text("#simulated_over")
    ann.send(page, "form#draft", simulated_over="spring")
    assert here.read(draft)["simulated_over"] == "spring"
    change = here.moved("submit", here.read(draft))
    page = Visitor(here, "sales").get(f"/changes/{change['id']}")
    assert "1 of 2 move (customer)" in page.text("#effect-line")
    assert "by the facts of the registered population spring of" in page.text("#effect")
    assert "已登记客户群体 spring" in Visitor(here, "sales", "zh-CN").get(f"/changes/{change['id']}/print").text(
        "#effect"
    )
    bundle = here.did("GET", f"/v1/changes/{change['id']}/simulation")["bundle"]
    assert (bundle["registered"]["name"], bundle["registered"]["as_of"]) == ("spring", details.as_of.isoformat())
    assert here.sign(change, "sales").status_code == 201
    with here.database.write(here.clock) as transaction:
        delete_population(transaction, here.people["sales"].actor(), "spring")
    refused(
        here.sign(change, "compliance"), 409, "conflict", "spring, over which the change was simulated, is no longer"
    )
    assert here.read(change)["state"] == "draft"


def test_a_draft_has_no_effect(here: Company) -> None:
    draft = here.create(tier(here.next_version(), 90))
    assert here.ask("GET", f"/v1/changes/{draft['id']}/simulation").status_code == 404
    assert not Visitor(here, "sales").get(f"/changes/{draft['id']}").has("#effect-line")


def test_the_report_of_a_draft_has_the_effect_that_it_would_have(here: Company) -> None:
    path = f"/changes/{here.create(tier(here.next_version(), 95))['id']}/report"
    found = here.did("GET", f"/v1{path}")["simulation"]
    assert (found["impact_share"], found["parts"][0]["moved"], "movers" in found["parts"][0]) == ("0.0100", 6, False)
    effect = Visitor(here, "sales").get(path).one("#effect")
    assert "6 of 600 move (customer)" in effect.text()
    assert all(name in effect.text() for name in NEARLY_BIG)
    assert not effect.css('a[href$=".csv"]'), "nothing is stored"
    assert "L0" not in Visitor(here, "ann").get(path).text("#effect")


def test_a_change_whose_population_drifted_is_sent_back_and_not_signed() -> None:
    with company(furnish=furnish) as here:
        keys = here.app.service.settings.keys
        change = submitted(here, 95, 2)
        record(here.database, here.clock, keys, dict.fromkeys(CUSTOMERS, 20) | NEARLY_BIG)
        assert here.sign(change, "sales").status_code == 201, "all were decided anew, and none otherwise"
        record(here.database, here.clock, keys, {f"C{number:03}": 99 for number in range(31)})
        answer = here.sign(change, "compliance")
        assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (409, "conflict")
        assert (
            "beside 600 subjects of the kind customer 31 have come since or get another outcome now"
            in answer.json()["detail"]
        )
        assert here.read(change)["state"] == "draft"
        page = Visitor(here, "ann").get(f"/changes/{change['id']}")
        assert "The population has drifted since the change was simulated" in page.text("#history")
        again = here.moved("submit", here.read(change))
        page = Visitor(here, "sales").get(f"/changes/{again['id']}")
        assert "37 of 600 move (customer)" in page.text("#effect-line")
        page = Visitor(here, "sales").send(page, "form#sign", reason="sound", password=SECRET)
        assert "You signed the change." in page.text(".notice")


TOUCH = """
policy: followup/touch
version: 1.0.0
title: {zh: 联系, en: touch}
subject: customer
facts:
  size: {type: choice, of: [big, small], from: tiering/size.size, title: {zh: 规模, en: size}}
outcome:
  owner:
    type: choice
    of: [director, desk]
    title: {zh: 跟进人, en: owner}
    words: {director: {zh: 总监, en: the director}}
  contacts: {type: integer, min: 1, max: 31, title: {zh: 次数, en: contacts}}
  period: {type: choice, of: [month, quarter], title: {zh: 周期, en: period}}
table:
  hit: UNIQUE
  inputs: [size]
  rows:
    - {id: big, when: ['"big"'], then: [director, 2, quarter], because: {zh: 大, en: big}}
    - {id: small, when: ['"small"'], then: [desk, 1, quarter], because: {zh: 小, en: small}}
"""
ANSWERS = """
policy: service_levels/answers
version: 1.0.0
title: {zh: 答复, en: answers}
subject: customer
facts:
  size: {type: choice, of: [big, small], from: tiering/size.size, title: {zh: 规模, en: size}}
outcome:
  mode: {type: choice, of: [person, machine], title: {zh: 方式, en: mode}}
  answer_within: {type: duration, min: PT1M, max: PT8H, title: {zh: 时限, en: within}}
table:
  hit: UNIQUE
  inputs: [size]
  rows:
    - {id: big, when: ['"big"'], then: [person, PT30M], because: {zh: 大, en: big}}
    - {id: small, when: ['"small"'], then: [machine, PT4H], because: {zh: 小, en: small}}
"""
CAPACITY = """
policy: governance/capacity
version: 1.0.0
title: {zh: 能力, en: capacity}
subject: role
facts:
  role: {type: choice, of: [director, desk, person], title: {zh: 角色, en: role}}
outcome:
  contacts_a_month: {type: integer, min: 1, max: 1000, title: {zh: 次数, en: contacts}}
table:
  hit: UNIQUE
  inputs: [role]
  rows:
    - {id: director, when: ['"director"'], then: [3], because: {zh: 一人, en: one person}}
    - {id: person, when: ['"person"'], then: [5], because: {zh: 一人, en: one person}}
"""


def test_contacts_and_requests_stand_beside_the_capacity() -> None:
    with company(furnish=furnish) as here:
        texts = (text.encode() for text in (TOUCH, ANSWERS, CAPACITY))
        World(here.database, here.clock).import_(*texts, at=here.clock.at)
        here.clock.move(minutes=1)
        change = submitted(here, 95, 2)
        page = Visitor(here, "sales").get(f"/changes/{change['id']}")
        assert "+2 contacts a month" in page.text("#effect-line.refusal")
        assert "More contacts a month than their stated capacity: the director." in page.text("#effect-line")
        told = page.text("#effect")
        assert "the director 0 4 +4 3 (133.3%) too many" in told
        assert "desk 200 198 -2 not stated" in told
        assert (
            "machine all 600 594 -6 not stated machine 4 hours 600 594 -6 person all 0 6 +6 5 (120.0%) too many" in told
        )
        assert "More requests a month than their stated capacity: person." in page.text("#effect-line")
        lines = (
            Visitor(here, "ann").get(page.link("Contacts and requests, as CSV")).body.decode("utf-8-sig").splitlines()
        )
        assert lines[:3] == [
            "kind,work,role,answer_within,before,after,difference,capacity,capacity_share",
            "customer,contacts,desk,,200.0000,198.0000,-2.0000,,",
            "customer,contacts,director,,0.0000,4.0000,4.0000,3.0000,1.3334",
        ]
        assert "每月联系" in Visitor(here, "sales", "zh-CN").get(f"/changes/{change['id']}/print").text("#effect-line")
        assert here.did("GET", f"/v1/changes/{change['id']}/simulation")["capacity_share"] == "1.3334"


def test_who_keeps_the_best_outcome_by_an_override_is_named_to_signers() -> None:
    with company(furnish=furnish) as here:
        record(here.database, here.clock, here.app.service.settings.keys, {"B0": 120, "B1": 120})
        with here.database.write(here.clock) as transaction:
            director, until = here.people["sales"].actor(), here.clock.at + timedelta(days=30)
            director = replace(director, confirmed_at=here.clock.at)
            kept = record_alone(
                transaction,
                director,
                subject=Subject("B0"),
                policy=TIER,
                outcome={"size": "big"},
                role=Role.SALES_DIRECTOR,
                reason="a partner",
                until=until,
            )
        effective = {"from": timestamp(here.clock.at + timedelta(days=2))}
        text = tier(here.next_version(), 130, words="[big, small], ordered: best-first")
        change = here.moved("submit", here.create(text, effective=effective))
        page = Visitor(here, "sales").get(f"/changes/{change['id']}")
        assert "1 keeps its best outcome by an override and does not count as lost: B0" in page.text("#effect")
        assert page.link("B0") == f"/overrides/{kept.id}"
        own = Visitor(here, "ann").get(page.address).text("#effect")
        assert ("does not count as lost" in own, "B0" in own) == (True, False)
        simulation = here.did("GET", f"/v1/changes/{change['id']}/simulation")
        assert (simulation["best_lost_share"], "kept_by_override" in simulation["parts"][0]) == ("0.5000", False)


def test_what_came_of_it_stands_beside_what_was_expected() -> None:
    with company(furnish=furnish) as here:
        change = submitted(here, 95, 2)
        path, sales = f"/v1/changes/{change['id']}/actual-effect", Visitor(here, "sales")
        refused(here.ask("GET", path, "sales"), 409, "conflict", "The change is not in force, so nothing came of it.")
        for name in ("sales", "compliance"):
            here.sign(change, name)
        here.moved("schedule", here.read(change))
        refused(here.ask("GET", path, "sales"), 409, "conflict", "nothing came of it yet.")
        assert not sales.get(f"/changes/{change['id']}").has('a[href$="actual-effect"]')

        here.clock.move(days=2)
        page = sales.get(sales.get(f"/changes/{change['id']}").link("Actual effect"))
        assert "nothing can have come yet" in page.text("#nothing-yet")
        here.clock.move(days=1)
        record(here.database, here.clock, here.app.service.settings.keys, dict(list(NEARLY_BIG.items())[:4]))
        found = here.did("GET", path, "sales")
        [size, _] = found["policies"]
        assert (size["expected_moved"], size["actual_moved"], size["not_decided"]) == (6, 4, 596)
        [cell, *_] = [each for each in size["cells"] if each["from"] != each["to"]]
        assert (cell["from"], cell["to"], cell["difference"]) == ("small", "big", -2)
        page = Visitor(here, "sales", "zh-CN").get(f"/changes/{change['id']}/actual-effect")
        assert "预期 6，实际 4，共 600" in page.text("main")
        assert "596 个此后未再作决定" in page.text("main")
        lines = sales.get(page.link("全部数字（CSV）")).body.decode("utf-8-sig").splitlines()
        assert lines[:2] == ["policy,outcome,from,to,expected,actual,difference", "tiering/size,size,small,big,6,4,-2"]
        [entry] = here.did("GET", "/v1/audit?event=list_exported", "compliance")["items"]
        assert entry["body"]["path"] == "/changes/{change}/actual-effect"

        upload = "\n".join(["subject,sales", *(f"{name},1.5" for name in CUSTOMERS)]).encode()
        page = sales.get(f"/changes/{change['id']}/actual-effect")
        told = sales.send(page, "form#compare", files={"file": upload}, do="show").text("#figures")
        assert "size:small → size:big few 4 sales 4 6 1.5" in told
        assert "everybody 600 sales 600 900 1.5" in told
        answer = sales.send(page, "form#compare", files={"file": upload}, do="csv")
        assert b"size:small \xe2\x86\x92 size:big,4,yes,sales,4,6.0000,1.5000,3/2" in answer.body
        answer = sales.send(page, "form#compare", files={"file": b"subject,sales\nC1,1\nC1,2"}, do="csv")
        assert "file.csv: subject `C1` has the rows 1, 2" in answer.text("#figures")

        early = here.ask("GET", f"{path}?day=2026-01-01", "sales")
        [problem] = assert_problem(early, 422, "invalid-parameter")["problems"]
        assert (problem["parameter"], problem["expected"][:10]) == ("day", "a day from")
        assert sales.get(f"/changes/{change['id']}/actual-effect?day=soon").status == 422
        assert here.ask("GET", path, "ann").status_code == 403
