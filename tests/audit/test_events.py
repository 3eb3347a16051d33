"""Every event has its sentence in both languages, names fields it has, and its line in the reference."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from policy_service.audit.events import EVENTS, Event, describe_event
from policy_service.audit.events.decisions import SubjectsMerged
from tests.architecture.project import ROOT

PAGE = ROOT / "docs" / "reference" / "events.md"
NAMES = re.compile(r"\{(\w+)\}")


def row(kind: type[Event]) -> str:
    """The line of an event in the reference."""
    members = ", ".join(f"`{field.name}`" for field in fields(kind))
    return f"| `{kind.name}` | {kind.summary.zh} | {kind.summary.en} | {members} |"


@pytest.mark.parametrize("kind", EVENTS.values(), ids=EVENTS)
def test_a_sentence_names_only_fields_the_event_has(kind: type[Event]) -> None:
    allowed = {"actor", *(field.name for field in fields(kind))}
    for text in (kind.summary.zh, kind.summary.en):
        assert set(NAMES.findall(text)) <= allowed
    assert set(NAMES.findall(kind.summary.zh)) == set(NAMES.findall(kind.summary.en))


def test_the_reference_has_every_event_and_no_other() -> None:
    results = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert results == [row(kind) for kind in EVENTS.values()]


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("zh", "示例人名 以销售总监身份签署变更（批准）：合理"),
        ("en", "示例人名 signed as sales director (approved): 合理"),
    ],
)
def test_a_sentence_tells_roles_in_the_language_of_the_reader(lang: str, text: str) -> None:
    body = {"role": "sales_director", "printed_name": "示例人名", "meaning": "approved", "reason": "合理"}
    assert describe_event("change_signed_off", "d-1", body, "zh" if lang == "zh" else "en") == text


def test_a_sentence_tells_how_a_person_signed_in() -> None:
    body = {"account": "a-1", "method": "password"}
    assert describe_event("signed_in", "示例人名", body, "zh") == "示例人名 登录（密码）"
    assert (
        describe_event("signed_in", "示例人名", {**body, "method": "a new one"}, "zh") == "示例人名 登录（a new one）"
    )


def test_braces_in_what_somebody_wrote_stay_as_they_are() -> None:
    assert describe_event("change_commented", "a-1", {"text": "{actor} {0}"}, "en") == "a-1 commented: {actor} {0}"


def test_an_unknown_event_has_no_sentence() -> None:
    with pytest.raises(KeyError):
        describe_event("gossip", "a-1", {}, "en")


def test_a_merge_is_about_both_subjects() -> None:
    assert SubjectsMerged("C1", "customer", "C2", "the same").about() == ("subject:C1", "subject:C2")
