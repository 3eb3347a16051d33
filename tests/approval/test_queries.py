"""Lists of changes, comments, reports."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from policy_service.approval import service as approval
from policy_service.approval.change import Action
from policy_service.approval.service import ChangeFilter, ChangeState
from policy_service.integrity import DamagedRecord
from tests.approval.world import ANN, BEN, BONUS, COMPLIANCE, SIGNERS, TIER, World, bonus, tier, world


def titles(made: World, criteria: ChangeFilter) -> list[str]:
    with made.database.read() as session:
        return [change.draft.title for change in approval.list_changes(session, criteria).items]


def test_changes_are_listed_the_newest_first_and_as_wanted() -> None:
    with world() as made:
        made.create(tier("1.1.0"), title="one")
        made.submit(made.create(bonus("1.1.0"), title="two", by=BEN), BEN)
        made.signed(tier("1.2.0", 300), title="three")
        made.rollback((TIER, "1.0.0"))
        assert titles(made, ChangeFilter()) == ["back", "three", "two", "one"]
        assert titles(made, ChangeFilter(frozenset({ChangeState.DRAFT}))) == ["back", "one"]
        assert titles(made, ChangeFilter(kind="rollback")) == ["back"]
        assert titles(made, ChangeFilter(author=BEN.id)) == ["two"]
        assert titles(made, ChangeFilter(policy=TIER)) == ["back", "three"]
        assert titles(made, ChangeFilter(frozenset({ChangeState.SUBMITTED}), policy=BONUS)) == ["two"]


def test_pages_follow_one_another_without_gap_or_repetition() -> None:
    with world() as made:
        for number in range(5):
            made.create(title=str(number))
            made.decide("withdraw", made.create(title="no"), ANN)
        seen: list[str] = []
        cursor = None
        while True:
            with made.database.read() as session:
                page = approval.list_changes(
                    session, ChangeFilter(frozenset({ChangeState.DRAFT})), cursor=cursor, limit=2
                )
            seen += [change.draft.title for change in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == ["4", "3", "2", "1", "0"]


def test_comments_stay_and_do_not_alter_the_change() -> None:
    with world() as made:
        change = made.create(tier("1.1.0"))
        with made.database.write(made.clock) as transaction:
            approval.comment(transaction, COMPLIANCE, change.id, " is the limit right? ")
        with made.database.read() as session:
            [comment] = approval.read_comments(session, change.id)
        assert (comment.text, comment.by.printed_name) == ("is the limit right?", "Compliance")
        assert made.read(change).etag == change.etag


def test_the_report_that_was_signed_can_be_read_again() -> None:
    with world() as made:
        change = made.create(tier("1.1.0", 200))
        with made.database.read() as session:
            checked = approval.check_draft(session, change.id, SIGNERS, made.now)
        change = made.submit(change)
        with made.database.read() as session:
            assert approval.read_report(session, change) == checked.report
            assert approval.read_text(session, change.draft.texts[0]) == tier("1.1.0", 200)
        assert checked.to_dict()["problems"] == []


def test_a_resubmission_without_an_edit_keeps_its_report() -> None:
    with world() as made:
        change = made.submit(made.create(tier("1.1.0", 200)))
        again = made.submit(made.decide("request_changes", change, COMPLIANCE))
        assert again.frozen_submission.report == change.frozen_submission.report
        assert again.frozen_submission.number == 2


def tamper(made: World, table: str, change: str) -> None:
    """What somebody may do who owns the file: the triggers that keep rows from being altered are taken away first."""
    assert made.database.file is not None
    with closing(sqlite3.connect(made.database.file)) as file, file:
        file.execute(f"DROP TRIGGER {table}_no_update")
        assert file.execute(f"UPDATE {table} SET {change}").rowcount  # noqa: S608  # of this test


def test_a_report_that_is_not_what_its_digest_names_is_not_read() -> None:
    with world() as made:
        change = made.submit(made.create(tier("1.1.0", 200)))
        tamper(made, "change_report", "content = CAST('{}' AS BLOB)")
        with made.database.read() as session, pytest.raises(DamagedRecord) as refused:
            approval.read_report(session, change)
        assert (refused.value.table, refused.value.key) == ("change_report", change.frozen_submission.report)


@pytest.mark.parametrize("column", ["role", "meaning", "digest"])
def test_a_signature_that_lacks_a_part_of_it_is_not_read(column: str) -> None:
    with world() as made:
        change = made.signed(tier("1.1.0", 200))
        first = next(each.number for each in change.actions if each.action is Action.SIGN_OFF)
        tamper(made, "change_action", f"{column} = NULL WHERE action = 'sign_off'")
        with pytest.raises(DamagedRecord) as refused:
            made.read(change)
        assert (refused.value.table, refused.value.key) == ("change_action", f"{change.id} {first}")
