"""A change begins with the version in force, with a new policy, or with versions to go back to."""

from __future__ import annotations

from policy_service.approval.starting_points import (
    MAX_OFFERED,
    NEW,
    RollbackOptions,
    StartingPoint,
    rollback_options,
    starting_points,
    starting_text,
)
from policy_service.language.load import load_bytes
from policy_service.language.policy import Bilingual
from policy_service.registry.catalogue import Catalogue
from tests.approval.world import BONUS, DAY, SIGN_OFF, TIER, tier, world


def test_policies_in_force_are_offered_by_name() -> None:
    with world() as made, made.database.read() as session:
        points = starting_points(Catalogue(), session, made.now)
        assert [point.policy for point in points] == [SIGN_OFF, BONUS, TIER]
        assert points[-1] == StartingPoint(TIER, "1.0.0", Bilingual("规模", "size"))


def test_a_change_begins_with_the_text_in_force_under_the_next_number() -> None:
    with world() as made, made.database.read() as session:
        assert starting_text(session, TIER, made.now) == tier("1.1.0")
        assert starting_text(session, "tiering/none", made.now) is None
        assert load_bytes(starting_text(session, NEW, made.now) or b"").version == "1.0.0"


def test_versions_that_were_in_force_can_be_gone_back_to() -> None:
    with world() as made:
        made.schedule(made.signed(tier("1.1.0", 200)))
        with made.database.read() as session:
            assert _options(rollback_options(session, made.now))[TIER] == RollbackOptions(TIER, ("1.0.0",), "1.0.0")
        made.clock.at += 2 * DAY
        made.schedule(made.signed(ends=[BONUS]))
        made.clock.at += 2 * DAY
        with made.database.read() as session:
            options = _options(rollback_options(session, made.now))
        assert options[TIER] == RollbackOptions(TIER, ("1.1.0", "1.0.0"), "1.1.0")
        assert options[TIER].is_possible
        assert options[BONUS] == RollbackOptions(BONUS, ("1.0.0",), None)
        assert not options[SIGN_OFF].is_possible


def test_an_older_version_is_offered_when_it_is_selected() -> None:
    with world() as made:
        made.import_(*(tier(f"1.{number}.0", 100 + number) for number in range(1, MAX_OFFERED + 2)), at=made.now)
        with made.database.read() as session:
            assert len(_options(rollback_options(session, made.now))[TIER].versions) == MAX_OFFERED
            selected = _options(rollback_options(session, made.now, [(TIER, "1.0.0")]))[TIER]
            assert selected.versions[-1] == "1.0.0"


def _options(options: tuple[RollbackOptions, ...]) -> dict[str, RollbackOptions]:
    return {each.policy: each for each in options}
