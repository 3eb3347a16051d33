"""Who put a version in force: the set-up, a change, a rollback, a suspension; and with whose signatures."""

from __future__ import annotations

from datetime import timedelta

import pytest

from policy_service.approval.provenance import (
    SuspensionMeaning,
    VersionProvenance,
    activation_origins,
    read_provenance,
    signed_change,
)
from policy_service.approval.service import Meaning
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.model import ActivationKind
from policy_service.registry.service import activations
from tests.approval.world import ANN, COMPLIANCE, SALES, TIER, World, tier, world

SIGNED = [("Sales", Meaning.APPROVED), ("Compliance", Meaning.APPROVED)]


def provenance(here: World, version: str) -> VersionProvenance:
    with here.database.read() as session:
        return read_provenance(session, Catalogue().snapshot(session).version(TIER, version))


def signatures(result: VersionProvenance, origin: int = 0) -> list[tuple[str, object]]:
    return [(each.by.printed_name, each.meaning) for each in result.origins[origin].signatures]


def put_in_force(here: World, version: str, limit: int) -> None:
    here.schedule(here.signed(tier(version, limit), title=f"to {version}"))
    here.clock.move(days=1, hours=1)


def test_nobody_signed_what_was_imported_at_set_up() -> None:
    with world() as here:
        result = provenance(here, "1.0.0")
    assert result.submission is None
    assert [each.activation.kind for each in result.origins] == [ActivationKind.INITIAL]
    assert (result.origins[0].title, result.origins[0].signatures) == (None, ())
    assert (result.is_imported, result.changes, result.suspensions) == (True, (), ())


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_a_change_a_suspension_and_a_rollback_put_versions_in_force_with_their_signatures(backend: str) -> None:
    with world(backend) as here:
        put_in_force(here, "1.1.0", 50)
        suspension = here.suspend()
        here.ratify(suspension)
        here.clock.move(hours=1)
        here.schedule(here.sign_all(here.submit(here.rollback((TIER, "1.0.0")))))
        here.clock.move(days=1, hours=1)
        first, second = provenance(here, "1.0.0"), provenance(here, "1.1.0")
    assert second.submission is not None
    assert (second.submission.title, second.submission.author.name) == ("to 1.1.0", ANN.name)
    assert second.submission.submitted_by == second.submission.author
    assert [each.title for each in second.origins] == ["to 1.1.0"]
    assert signatures(second) == SIGNED
    kinds = [each.activation.kind for each in first.origins]
    suspended = [ActivationKind.SUSPENSION] * 2  # for 72 hours, and as it was ratified
    assert kinds == [ActivationKind.ROLLBACK, *suspended, ActivationKind.INITIAL]
    assert first.submission is None
    assert (first.origins[0].title, signatures(first)) == ("back", SIGNED)
    assert ([each.title for each in first.changes], [each.title for each in second.changes]) == (["back"], ["to 1.1.0"])
    assert (first.suspensions, second.suspensions) == (((suspension.id, first.origins[1].signatures),), ())
    assert (first.is_imported, second.is_imported) == (True, False)
    assert signatures(first, 1) == [
        (SALES.printed_name, SuspensionMeaning.SUSPENDS),
        (COMPLIANCE.printed_name, SuspensionMeaning.RATIFIES),
    ]


def test_a_suspension_that_nobody_ratified_has_one_signature() -> None:
    with world() as here:
        put_in_force(here, "1.1.0", 50)
        here.suspend()
        result = provenance(here, "1.0.0")
    assert signatures(result) == [(SALES.printed_name, SuspensionMeaning.SUSPENDS)]


def test_what_was_taken_back_before_it_began_put_nothing_in_force() -> None:
    with world() as here:
        change = here.schedule(here.signed(tier("1.1.0", 50), start=here.now + timedelta(days=3)))
        assert len(provenance(here, "1.1.0").origins) == 1
        here.cancel(change)
        result = provenance(here, "1.1.0")
    assert result.submission is not None
    assert result.submission.id == change.id
    assert result.origins == ()


def test_a_draft_has_the_title_of_the_draft_and_nobody_submitted_it() -> None:
    with world() as here:
        change = here.create(tier("1.1.0", 50), title="an idea")
        result, submitted = signed_change(change), here.submit(change)
    assert (result.title, result.submitted_by, result.signatures) == ("an idea", None, ())
    assert (change.versions, [each.version for each in submitted.versions]) == ((), ["1.1.0"])


def test_origins_are_told_by_activation() -> None:
    with world() as here, here.database.read() as session:
        recorded = activations(session)
        assert list(activation_origins(session, recorded)) == [each.id for each in recorded]
        assert activation_origins(session, ()) == {}
