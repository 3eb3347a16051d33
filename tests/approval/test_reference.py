"""The page on changes says what the code does."""

from __future__ import annotations

import re

from policy_service.actor import Role
from policy_service.approval import service as approval
from policy_service.approval.workflow import TRANSITIONS
from tests.architecture.project import ROOT

PAGE = (ROOT / "docs" / "reference" / "changes.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \| ([\w, ]+) \| `(\w+)` \|$", re.MULTILINE)


def test_the_table_of_states_and_actions_is_the_one_of_the_code() -> None:
    results = {(state, action): (roles, to) for state, action, roles, to in ROW.findall(PAGE)}
    expected = {
        (str(state), str(action)): (", ".join(role for role in Role if role in step.roles), str(step.to))
        for (state, action), step in TRANSITIONS.items()
    }
    assert results == expected


def test_every_kind_of_refusal_and_every_meaning_has_its_place() -> None:
    for kind in approval.OperationRejected.__subclasses__():
        assert f"| `{kind.__name__}` |" in PAGE
    for meaning in approval.Meaning:
        assert f"`{meaning}`" in PAGE


def test_the_page_tells_how_long_suspensions_last() -> None:
    assert f"for {approval.SUSPENSION_LENGTH.total_seconds() / 3600:.0f} hours" in PAGE
    assert f"{approval.RATIFIED_LENGTH.days} days from its beginning" in PAGE
