"""The editor leads to trying what is saved in the draft."""

from typing import Any

from tests.api.company import company
from tests.approval.world import TIER, tier
from tests.pages.visitor import Visitor


def test_the_editor_leads_to_trying_the_draft() -> None:
    with company() as here:
        change = here.create(tier("1.1.0", 7))["id"]
        visitor = Visitor(here, "ann")
        link = visitor.get(f"/changes/{change}/draft").link("Try what is saved")
        assert link == f"/policies/{TIER}/try?draft={change}"
        typed_in: dict[str, Any] = {"f.orders": "8"}
        page = visitor.send(visitor.get(link), "form#facts", **typed_in)
        assert page.text("dd.outcome") == "big"
