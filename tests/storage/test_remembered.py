"""What readers remember of one another is what they would read themselves."""

from __future__ import annotations

import pytest
from sqlmodel import Session

from policy_service.actor import SERVICE
from policy_service.audit.events import VersionImported
from policy_service.audit.log import append
from policy_service.database import Database, LaneName, cached
from policy_service.registry.model import ActivationKind, Period
from policy_service.registry.service import activate, activations, cancel, read_version
from tests.approval.world import TIER, World, world
from tests.databases import BACKENDS


def known(database: Database) -> list[str]:
    """The identifiers of the activations that nobody took back, as a reader sees them."""
    with database.read() as session:
        assert [each for each in activations(session) if each.policy == TIER] == list(activations(session, TIER))
        return [each.id for each in activations(session) if each.cancelled_at is None]


def put_in_force(made: World, *, fails: bool = False) -> None:
    """Puts a version in force from next year on; or is undone in the end."""
    with made.database.write(made.clock) as transaction:
        before = len(activations(transaction.session))
        row = read_version(transaction.session, TIER, "1.0.0")
        start = made.now.replace(year=made.now.year + 1)
        activate(transaction, SERVICE, row, Period(start), ActivationKind.CHANGE)
        assert len(activations(transaction.session)) == before + 1
        if fails:
            raise ZeroDivisionError


@pytest.mark.parametrize("backend", BACKENDS)
def test_readers_see_what_was_kept_and_never_what_was_undone(backend: str) -> None:
    with world(backend) as made:
        first = known(made.database)
        with pytest.raises(ZeroDivisionError):
            put_in_force(made, fails=True)
        assert known(made.database) == first
        put_in_force(made)
        second = known(made.database)
        assert second[:-1] == first
        with made.database.write(made.clock) as transaction:
            cancel(transaction, SERVICE, activations(transaction.session)[-1])
        assert known(made.database) == first


def test_a_reader_goes_on_seeing_what_it_saw_and_does_not_make_others_forget() -> None:
    with world() as made, made.database.read() as session:
        before = activations(session)
        put_in_force(made)
        assert len(known(made.database)) == len(before) + 1
        assert activations(session) == before
        assert len(known(made.database)) == len(before) + 1


def test_it_is_read_once_as_long_as_nobody_writes_what_it_is_made_of() -> None:
    reads: list[Session] = []

    def read(session: Session) -> int:
        reads.append(session)
        return len(reads)

    with world() as made:
        for _ in range(3):
            with made.database.read() as session:
                assert cached(session, "number", read) == 1
        with made.database.write(made.clock, LaneName.DECISIONS):
            pass
        with made.database.read() as session:
            assert cached(session, "number", read) == 1
        with made.database.write(made.clock) as transaction:
            append(transaction, SERVICE, VersionImported("tiering/other", "1.0.0", "sha256:0"))
            assert cached(transaction.session, "number", read) == 2
        with made.database.read() as session:
            assert cached(session, "number", read) == 3
