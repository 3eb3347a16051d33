"""What comes with the software is put in force by nobody's hand but those who sign: one draft, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from policy_service.actor import COMMAND_LINE, Actor
from policy_service.approval import service as approval
from policy_service.approval.service import Change, ChangeState, PermissionDenied
from policy_service.approval.shipped_policies import ShippedDraft, propose_shipped
from policy_service.registry.model import all_active_at
from tests.approval.world import ANN, BEN, BONUS, TIER, WRITING_DIRECTOR, World, bonus, tier, world

OPERATOR = Actor(COMMAND_LINE, "root", "root (command line)", frozenset(), "command_line")
NEW = "tiering/new"


@pytest.fixture
def made() -> Iterator[World]:
    with world() as one:
        yield one


def put(folder: Path, policy: str, version: str, text: bytes) -> None:
    (folder / policy).mkdir(parents=True, exist_ok=True)
    (folder / policy / f"{version}.yaml").write_bytes(text)


def proposed(made: World, folder: Path) -> ShippedDraft:
    with made.database.write(made.clock) as transaction:
        return propose_shipped(transaction, OPERATOR, folder)


def drafted(made: World, folder: Path) -> Change:
    change = proposed(made, folder).change
    assert change is not None
    return change


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What comes with the software: what is there already, a newer version, and a new policy."""
    put(tmp_path, TIER, "1.0.0", tier("1.0.0"))
    put(tmp_path, TIER, "1.1.0", tier("1.1.0", 200))
    put(tmp_path, BONUS, "1.0.0", bonus("1.0.0"))
    put(tmp_path, NEW, "1.0.0", tier("1.0.0", 5).replace(TIER.encode(), NEW.encode()))
    return tmp_path


def test_what_is_new_or_newer_is_one_draft_of_the_command_line_and_nothing_is_in_force(
    made: World, folder: Path
) -> None:
    before = made.activations()
    result = proposed(made, folder)
    assert result.change is not None
    assert [(policy.id, policy.version) for policy in result.policies] == [(NEW, "1.0.0"), (TIER, "1.1.0")]
    assert (result.change.state, result.change.author.id, result.change.author.name) == (
        ChangeState.DRAFT,
        COMMAND_LINE,
        "root",
    )
    assert made.activations() == before


def test_nothing_is_drafted_twice_not_even_what_was_refused(made: World, folder: Path) -> None:
    change = drafted(made, folder)
    assert proposed(made, folder) == ShippedDraft(None, ())
    made.decide("withdraw", change, BEN)
    assert proposed(made, folder) == ShippedDraft(None, ())
    put(folder, TIER, "1.2.0", tier("1.2.0", 300))
    assert [policy.version for policy in proposed(made, folder).policies] == ["1.2.0"]


def test_what_the_company_numbered_itself_is_left_alone(made: World, folder: Path) -> None:
    made.schedule(made.signed(tier("2.0.0", 700)))
    assert [policy.id for policy in proposed(made, folder).policies] == [NEW]


def test_an_author_submits_it_and_any_director_signs(made: World, folder: Path) -> None:
    change = made.submit(drafted(made, folder), BEN)
    made.schedule(made.sign_all(change), BEN)
    made.move(days=8)
    active = all_active_at(made.activations(), made.now, made.now)
    assert (active[TIER].version, active[NEW].version) == ("1.1.0", "1.0.0")


def test_who_submits_it_does_not_sign_it(made: World, folder: Path) -> None:
    change = made.submit(drafted(made, folder), WRITING_DIRECTOR)
    with pytest.raises(PermissionDenied, match="another person must sign it"):
        made.sign(change, WRITING_DIRECTOR)


def test_any_author_withdraws_it_and_only_its_author_another(made: World, folder: Path) -> None:
    with made.database.read() as session:
        assert approval.check_permission(drafted(made, folder), approval.Action.WITHDRAW, BEN, made.now) is True
        others = made.create(tier("1.5.0", 500), by=ANN)
        assert (
            approval.check_permission(approval.read_change(session, others.id), approval.Action.WITHDRAW, BEN, made.now)
            is not True
        )
