"""A stated limit blocks a change whose effect is beyond it, with the reason of its rule."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from policy_service.approval.effect_limits import check_effect_limits
from policy_service.approval.service import Effect, EffectQuestion, EffectReader, OperationRejected, ValidationFailed
from policy_service.canonical import digest
from policy_service.language.load import load_bytes
from tests.approval.world import World, tier, world

GUIDE = Path(__file__).parents[2] / "docs/how-to/set-a-limit-that-blocks.md"


def limits(*changes: tuple[str, str]) -> bytes:
    """The policy of the guide, with other texts."""
    found = re.search(r"```yaml\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    text = textwrap.dedent(f"   {found[1].lstrip()}")
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return text.encode()


def effects(impact_share: str | None, best_lost_share: str | None = None) -> EffectReader:
    """What reads an effect of these shares."""

    def read(_: EffectQuestion) -> Effect:
        shares = {"impact_share": impact_share, "best_lost_share": best_lost_share, "money_difference": None}
        return Effect({"bundle": {"digest": "sha256:bundle"}, "parts": [], "movers": digest(b""), **shares})

    return read


@pytest.fixture
def made() -> Iterator[World]:
    with world() as each:
        each.import_(limits(), at=each.now)
        each.move(minutes=1)
        yield each


@pytest.mark.parametrize(
    ("impact", "lost", "reason"),
    [
        ("0.5001", None, "more than half of the subjects get another outcome"),
        ("0.0100", "0.2001", "more than 20 per cent of the best tier lose it"),
    ],
)
def test_an_effect_beyond_a_limit_is_not_submitted(made: World, impact: str, lost: str | None, reason: str) -> None:
    change = made.create(tier("1.1.0", 95))
    with pytest.raises(ValidationFailed) as refused:
        made.submit(change, effects=effects(impact, lost))
    [problem] = refused.value.messages
    assert problem.startswith("The effect is beyond a limit of governance/effect_limits 1.0.0: ")
    assert reason in problem
    assert made.read(change).state == "draft"


@pytest.mark.parametrize(("impact", "lost"), [("0.5000", "0.2000"), (None, None)])
def test_an_effect_within_the_limits_is_submitted(made: World, impact: str | None, lost: str | None) -> None:
    assert made.submit(made.create(tier("1.1.0", 95)), effects=effects(impact, lost)).state == "submitted"


def test_what_the_limits_do_not_decide_is_blocked_too() -> None:
    with world() as made:
        text = limits(('when: "true"', 'when: domain = "rewards"'))
        made.import_(re.sub(rb"examples:.*", b"", text, flags=re.DOTALL), at=made.now)
        made.move(minutes=1)
        with pytest.raises(ValidationFailed, match="does not decide about this effect"):
            made.submit(made.create(tier("1.1.0", 95)), effects=effects("0.0100"))


def test_a_domain_that_the_limits_do_not_know_is_refused() -> None:
    with world() as made:
        text = re.sub(rb"examples:.*", b"", limits(("[tiering, ", "[")), flags=re.DOTALL)
        made.import_(text.replace(b'domain = "tiering"', b'domain = "rewards"'), at=made.now)
        made.move(minutes=1)
        with pytest.raises(OperationRejected, match="does not limit effects where domain is `tiering`"):
            made.submit(made.create(tier("1.1.0", 95)), effects=effects("0.0100"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ((("[allowed, blocked]", "[allowed, blocked, perhaps]"),), "must decide `verdict`, one of allowed, blocked"),
        (
            (
                (
                    "scale: 4, min: 0, max: 1, optional: true, title: {zh: 结",
                    "scale: 4, min: 0, max: 1, title: {zh: 结",
                ),
                ("impact_share is not missing and ", ""),
            ),
            "demands impact_share",
        ),
        ((("hit: FIRST", "hit: RULE ORDER"),), "one outcome, not a list of them"),
    ],
)
def test_limits_that_the_service_cannot_work_with_are_not_submitted(
    changes: tuple[tuple[str, str], ...], sentence: str
) -> None:
    text = re.sub(rb"examples:.*", b"", limits(*changes), flags=re.DOTALL)
    with world() as made, pytest.raises(ValidationFailed) as refused:
        made.submit(made.create(text))
    assert any(sentence in problem for problem in refused.value.messages), refused.value.messages


def test_limits_that_the_service_can_work_with_are_taken() -> None:
    check_effect_limits(load_bytes(limits()))
