"""From a row of the regulation to the rules that decide it, their versions, signers and examples, in three clicks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from policy_service.language.policy import Policy
from policy_service.shipped import shipped_policies
from tests.api.company import Company, company
from tests.e2e.browser import person
from tests.effort import sample
from tests.pages.serving import served
from tests.shipped import NEWEST

POLICIES = {policy.id: policy for policy in NEWEST}
RFM = POLICIES["tiering/rfm_value"]
SCORE = POLICIES["tiering/value_score"]
PICTURES = os.environ.get("WALK_PICTURES", "")
"""A folder for a picture of each page, for a person to look at; none are taken without."""


@pytest.fixture(scope="module")
def walked() -> Iterator[tuple[Company, str]]:
    """A company with the shipped regulation, in which two policies were signed."""
    with company(policies=shipped_policies()) as here, served(here) as address:
        here.in_force(RFM.content, SCORE.content)
        yield here, address


@pytest.mark.parametrize("lang", sample(["zh", "en"], 2))
@pytest.mark.parametrize(
    ("policy", "row", "rule", "example"),
    [(RFM, "R-RFM-1", "S", "just S"), (SCORE, "R-VAL-1", "high", "just high")],
    ids=["table", "scorecard"],
)
def test_three_clicks_lead_from_a_row_to_rule_version_signers_and_examples(
    walked: tuple[Company, str], browser: Browser, lang: str, policy: Policy, row: str, rule: str, example: str
) -> None:
    _, address = walked
    rules = policy.all_rules
    titles = {each.id: getattr(each.title, lang) for each in rules}
    [result] = [getattr(each.title, lang) for each in policy.examples if each.name == example]
    with person(browser, address, lang=lang) as compliance:
        compliance.sign_in("compliance")
        page = compliance.go("/regulations")

        def seen(number: int) -> str:
            if PICTURES:
                page.screenshot(path=Path(PICTURES) / f"{lang}-{row}-{number}.png", full_page=number > 0)
            return compliance.read()

        page.locator(f"#{row}").scroll_into_view_if_needed()
        assert titles[rule] in compliance.read(f"#{row}")
        seen(0)
        page.click(f"#{row} a[href='/policies/{policy.id}/rules/{rule}']")
        text = seen(1)
        assert titles[rule] in text
        assert policy.version in text
        assert getattr(dict(zip(titles, rules, strict=True))[rule].because, lang) in text
        page.locator(f"main a[href^='/policies/{policy.id}/versions/{policy.version}']").first.click()
        text = seen(2)
        assert all(title in text for title in titles.values())
        assert all(name in text for name in ("Sales", "Compliance")), "who signed it"
        page.locator(f"main a[href$='/versions/{policy.version}/examples']").first.click()
        text = seen(3)
        assert result in text
        assert titles[rule] in text
