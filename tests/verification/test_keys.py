"""The key of the MACs: made once, rotated, lost; rows from before it are taken as found; copies verify as well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import text

from policy_service import migrations
from policy_service.actor import SERVICE, Role
from policy_service.audit.events import RowsTaken
from policy_service.audit.keys import KeyUnavailable
from policy_service.audit.log import EntryFilter, entries
from policy_service.audit.log_key import NAME, make_log_key, read_log_keys
from policy_service.cli.copy import copy
from policy_service.cli.init import Person, set_up
from policy_service.database import Database
from policy_service.decisions import macs
from policy_service.identity.service import create_account
from tests.databases import BACKENDS, TestClock, fresh_database, fresh_url
from tests.effort import sample
from tests.registry.texts import policy_text, put_file
from tests.storage.steps import at_step, take_steps
from tests.storage.test_upgrades import fill
from tests.verification.everything import Place, executed, filled

WANG = Person("wang", "Wang Example", Role.ADMINISTRATOR, "not a hash")


def begin(database: Database, folder: Path) -> Place:
    put_file(folder / "policies", policy_text())
    set_up(database, TestClock(), folder / "keys", folder / "policies", (WANG,), demo=False)
    return Place(database.url, folder / "keys")


@contextmanager
def begun(backend: str, folder: Path) -> Iterator[tuple[Database, Place]]:
    with fresh_url(backend) as url, closing(Database(url)) as database:
        yield database, begin(database, folder)


def account(database: Database, name: str) -> None:
    named, message = {"name": name, "printed_name": name}, "x"
    with database.write(TestClock()) as transaction:
        create_account(transaction, SERVICE, **named, roles=[Role.AUTHOR], password_hash=message)


def rotate(database: Database, place: Place, *, is_lost: bool = False) -> None:
    with database.write(TestClock()) as transaction:
        macs.rotate_mac_key(transaction, SERVICE, place.keys, is_lost=is_lost)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_new_key_vouches_for_what_is_new_and_the_old_one_for_the_rest(backend: str, tmp_path: Path) -> None:
    with begun(backend, tmp_path) as (database, place):
        rotate(database, place)
        account(database, "zhao")
        verdict = place.verify()
        assert (verdict.faults, verdict.macs) == ((), verdict.entries - 1)
        executed(place, "UPDATE credential SET password_hash = 'y'")
        assert place.verify().differences == 2


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    with begun("sqlite", tmp_path) as (database, place):
        file = place.keys / NAME
        before = file.read_bytes()
        begin(database, tmp_path)
        assert (file.read_bytes(), file.stat().st_mode & 0o077) == (before, 0)
        file.chmod(0o640)
        file.write_bytes(before)
        with (
            closing(Database(database.url, keys=place.keys)) as other,
            pytest.raises(KeyUnavailable, match="can be read by others"),
        ):
            account(other, "zhao")


@pytest.mark.parametrize("spoilt", [b"", b"\xff", b"0123456789abcdef 00\n", b"0123456789abcdef " + b"00" * 32 + b"\n"])
def test_a_file_that_is_none_of_keys_is_told(tmp_path: Path, spoilt: bytes) -> None:
    make_log_key(tmp_path)
    (tmp_path / NAME).write_bytes(spoilt)
    with pytest.raises(KeyUnavailable, match=r"is no file of log keys: restore it from its backup"):
        read_log_keys(tmp_path)


def test_without_the_key_nothing_is_written_and_a_lost_one_is_replaced(tmp_path: Path) -> None:
    with begun("sqlite", tmp_path) as (database, place):
        with pytest.raises(KeyUnavailable, match="is not lost: rotate it without --lost"):
            rotate(database, place, is_lost=True)
        (place.keys / NAME).unlink()
        with pytest.raises(KeyUnavailable, match="restore it from its backup"):
            account(database, "zhao")
        with pytest.raises(KeyUnavailable, match="restore it from its backup"):
            rotate(database, place)
        rotate(database, place, is_lost=True)
        account(database, "zhao")
        verdict = place.verify()
        assert verdict.faults == ()
        assert verdict.macs is not None
        assert verdict.macs < verdict.entries - 4
        executed(place, "UPDATE credential SET password_hash = 'y'")
        assert place.verify().differences == 2


def test_a_log_that_was_not_begun_has_no_key_to_rotate(tmp_path: Path) -> None:
    with fresh_database("sqlite") as database, pytest.raises(KeyUnavailable, match="the log has no key yet"):
        rotate(database, Place(database.url, tmp_path))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("step", ["0007", "0008", "0009", "0010"])
def test_rows_of_an_older_database_are_taken_as_found(backend: str, step: str, tmp_path: Path) -> None:
    with at_step(backend, "0007") as database:
        fill(database)
        take_steps(database, step)
        migrations.upgrade(database)
        place = begin(database, tmp_path)
        assert place.verify().faults == ()
        with database.read() as session:
            taken = entries(session, EntryFilter(event=RowsTaken.name))
        assert len(taken) == 3  # changes, their actions, their titles
        executed(place, "UPDATE change_action SET reason = 'another' WHERE number = 2 AND change = 'larger'")
        [fault] = place.verify().faults
        assert 'the row ["larger",2] of `change_action` was altered: it does not match entry' in str(fault.message)


@pytest.mark.parametrize(("backend", "to"), sample(product(BACKENDS, BACKENDS), 3))
def test_a_copy_and_a_backup_are_what_they_were_made_of(backend: str, to: str) -> None:
    with filled(backend) as (here, place), fresh_url(to) as url, closing(Database(url)) as target:
        here.app.service.close()
        copy(here.database, target, backup=True)
        copied = Place(url, place.keys)
        verdict = copied.verify()
        assert verdict == place.verify()
        assert verdict.is_fine
        with target.alter() as connection:  # what a dump would do
            connection.execute(text("UPDATE lane SET count = count"))
        assert copied.verify().is_fine
