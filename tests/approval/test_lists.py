"""Lists of changes say what folding every change says, whatever is asked for, in every order, on both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import get_args
from unittest import mock

import pytest
from sqlmodel import col, select

from policy_service.actor import Actor
from policy_service.analysis.report import Report
from policy_service.approval import draft_check
from policy_service.approval import service as approval
from policy_service.approval.queries import MAX_PAGE
from policy_service.approval.service import OPEN, Action, Change, ChangeFilter, ChangeSort, ChangeState
from policy_service.approval.store import fold_rows, read_change
from policy_service.approval.tables import ChangeRow
from policy_service.approval.withdrawn_versions import withdrawn_versions
from policy_service.paging import InvalidCursor
from policy_service.registry.tables import ActivationRow, VersionRow
from tests.approval.world import (
    ANN,
    BEN,
    BONUS,
    BOTH,
    COMPLIANCE,
    FINANCE,
    SALES,
    TIER,
    WRITING_DIRECTOR,
    World,
    bonus,
    tier,
    world,
)
from tests.databases import BACKENDS

TITLES = ("Larger limit", "larger bonus", "限额调整 ＡＢＣ", "100% _sure_", "ÉTÉ straße")
FATES = ("draft", "edited", "submitted", "sent back", "signed once", "signed", "scheduled", "cancelled", "rejected")


@pytest.fixture(scope="module", params=BACKENDS)
def made(request: pytest.FixtureRequest) -> Iterator[World]:
    """A world in which every fate befell a few changes, in a mixed order."""
    fates = [*FATES, "analysed", "analysis ended", "withdrawn", "back"] * 3
    with world(request.param) as made, mock.patch.object(draft_check, "analyse", return_value=Report((), (), ())):
        made.schedule(made.signed(tier("1.1.0", 101), title="the first"))
        made.move(days=2)
        for number in range(len(fates)):
            befall(made, fates[number * 7 % len(fates)], number + 2)
            made.move(minutes=number % 3 * 7)
        yield made


def befall(made: World, fate: str, number: int) -> None:
    """Begins a change, and moves it along until its fate befell it."""
    by = (ANN, BEN)[number % 2]
    start = made.now + timedelta(days=number)
    if fate == "back":
        made.rollback((TIER, "1.0.0"), by=by, start=start)
        return
    text = (tier, bonus)[number // 2 % 2](f"1.{number}.0", 100 + number)
    change = made.create(text, by=by, title=f"{TITLES[number % len(TITLES)]} {number}", start=start)
    if fate == "edited":
        made.edit(change, text, by=by)
    if fate == "withdrawn":
        made.decide("withdraw", change, by)
    if fate in {"draft", "edited", "withdrawn"}:
        return
    if fate in {"analysed", "analysis ended"}:
        with made.database.write(made.clock) as transaction:
            change = approval.analyse(transaction, by, change.id, expected=change.etag)
            if fate == "analysis ended":
                approval.end_analysis(transaction, by, change.id, reason="one more cell", expected=change.etag)
        return
    change = made.submit(change, by)
    if fate == "sent back":
        made.decide("request_changes", change, COMPLIANCE)
    elif fate == "rejected":
        made.decide("reject", change, COMPLIANCE)
    elif fate == "signed once":
        made.sign(change, COMPLIANCE)
    elif fate in {"signed", "scheduled", "cancelled"}:
        change = made.sign_all(change)
        if fate != "signed":
            change = made.schedule(change, by)
        if fate == "cancelled":
            made.cancel(change, by)


def every(made: World) -> list[Change]:
    """Every change, in the order of beginning."""
    with made.database.read() as session:
        return fold_rows(session, session.exec(select(ChangeRow).order_by(col(ChangeRow.id))).all())


def listed(made: World, criteria: ChangeFilter, sort: ChangeSort = "-created", limit: int = MAX_PAGE) -> list[Change]:
    """What the pages of a list hold, one after another."""
    results: list[Change] = []
    cursor = None
    while True:
        with made.database.read() as session:
            page = approval.list_changes(session, criteria, sort=sort, cursor=cursor, limit=limit)
        assert len(page.items) == limit or page.next_cursor is None
        results += page.items
        cursor = page.next_cursor
        if cursor is None:
            return results


def order(sort: ChangeSort, change: Change) -> tuple[str, str]:
    """By what a list is sorted."""
    return (change.actions[-1].at.isoformat() if "acted" in sort else "", change.id)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("sort", get_args(ChangeSort))
@pytest.mark.parametrize("limit", [1, 3, MAX_PAGE])
def test_every_order_holds_every_change_once_on_pages_of_any_size(made: World, sort: ChangeSort, limit: int) -> None:
    expected = sorted(every(made), key=lambda change: order(sort, change), reverse=sort.startswith("-"))
    assert listed(made, ChangeFilter(), sort, limit) == expected
    assert all(one.id != other.id for one, other in pairwise(expected))


@pytest.mark.parametrize("sort", get_args(ChangeSort))
@pytest.mark.parametrize("state", ChangeState)
def test_a_list_of_a_state_holds_the_changes_that_are_folded_to_it(
    made: World, sort: ChangeSort, state: ChangeState
) -> None:
    expected = [change for change in every(made) if change.state is state]
    expected.sort(key=lambda change: order(sort, change), reverse=sort.startswith("-"))
    assert expected
    assert listed(made, ChangeFilter(frozenset({state})), sort, 2) == expected


@pytest.mark.parametrize("sort", get_args(ChangeSort))
@pytest.mark.parametrize(
    "states", [OPEN, frozenset({ChangeState.DRAFT, ChangeState.SIGNED_OFF, ChangeState.CANCELLED})]
)
def test_states_are_asked_for_together(made: World, sort: ChangeSort, states: frozenset[ChangeState]) -> None:
    expected = {change.id for change in every(made) if change.state in states}
    assert {change.id for change in listed(made, ChangeFilter(states), sort, 4)} == expected


@pytest.mark.parametrize("policy", [TIER, BONUS, "governance/sign_off", "no/such"])
def test_a_list_of_a_policy_holds_what_submitted_it_or_goes_back_to_it(made: World, policy: str) -> None:
    def concerns(change: Change) -> bool:
        versions = [*(change.submission.versions if change.submission else ()), *change.draft.versions]
        return policy in {version.policy for version in versions}

    expected = {change.id for change in every(made) if concerns(change)}
    assert {change.id for change in listed(made, ChangeFilter(policy=policy), limit=3)} == expected
    assert bool(expected) == (policy in {TIER, BONUS})


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("larger", {"Larger limit", "larger bonus"}),
        ("LARGER limit", {"Larger limit"}),
        ("limit larger", {"Larger limit"}),
        ("larger nothing", set()),
        ("abc", {"限额调整 ＡＢＣ"}),
        ("ａｂｃ 限额", {"限额调整 ＡＢＣ"}),
        ("100%", {"100% _sure_"}),
        ("_", {"100% _sure_"}),
        ("%", {"100% _sure_"}),
        ("été", {"ÉTÉ straße"}),
        ("STRASSE", {"ÉTÉ straße"}),
        ("\0", set()),
        ("\ud800", set()),
        ("' or 1=1 --", set()),
    ],
)
def test_words_are_found_in_the_title_as_it_is_now_in_capitals_or_not(made: World, text: str, titles: set[str]) -> None:
    expected = {change.id for change in every(made) if change.draft.title.rpartition(" ")[0] in titles}
    assert {change.id for change in listed(made, ChangeFilter(text=text), "acted", 2)} == expected
    assert bool(expected) == bool(titles)


def test_a_thousand_words_are_looked_for_as_well(made: World) -> None:
    assert listed(made, ChangeFilter(text=" ".join(f"word{number}" for number in range(1_000)))) == []


@pytest.mark.parametrize("actor", [SALES, FINANCE, COMPLIANCE, BOTH, WRITING_DIRECTOR, ANN], ids=lambda each: each.name)
def test_what_waits_for_somebody_is_what_they_can_sign_the_longest_wait_first(made: World, actor: Actor) -> None:
    def awaits(change: Change) -> bool:
        fresh = made.fresh(actor)
        verdicts = [
            approval.check_permission(change, Action.SIGN_OFF, fresh, made.now, role=role) for role in actor.roles
        ]
        return any(verdict is True for verdict in verdicts)

    expected = [change for change in every(made) if awaits(change)]
    expected.sort(key=lambda change: order("acted", change))
    with made.database.read() as session:
        assert list(approval.awaiting_signature(session, actor, made.now).items) == expected
        assert list(approval.awaiting_signature(session, actor, made.now, limit=1).items) == expected[:1]
    assert bool(expected) == (actor is not ANN)


def test_filters_are_combined(made: World) -> None:
    criteria = ChangeFilter(
        frozenset({ChangeState.SCHEDULED, ChangeState.SUBMITTED, ChangeState.DRAFT}), "change", BEN.id, text="limit"
    )
    expected = [change for change in listed(made, ChangeFilter(), "-acted") if criteria.matches(change)]
    assert expected
    assert listed(made, criteria, "-acted", 1) == expected


def test_a_cursor_that_nobody_gave_out_is_refused(made: World) -> None:
    with made.database.read() as session:
        for sort in get_args(ChangeSort):
            for cursor in ("", " ", "x", "9999 'or 1=1", "🤷 \u202e"):
                with pytest.raises(InvalidCursor):
                    approval.list_changes(session, ChangeFilter(), sort=sort, cursor=cursor)


def test_changes_are_counted_by_state(made: World) -> None:
    counted = Counter(change.state for change in every(made))
    with made.database.read() as session:
        assert dict(approval.count_by_state(session)) == {state: counted[state] for state in ChangeState}


def test_soon_are_the_scheduled_changes_that_have_not_begun_by_their_day(made: World) -> None:
    waiting = [each for each in every(made) if each.state is ChangeState.SCHEDULED]
    expected = sorted(
        (each for each in waiting if each.draft.effective.start > made.now), key=lambda each: each.draft.effective.start
    )
    assert 0 < len(expected) < len(waiting)
    with made.database.read() as session:
        assert list(approval.upcoming_changes(session, made.now)) == expected
        assert list(approval.upcoming_changes(session, made.now, limit=1)) == expected[:1]


def test_only_texts_that_were_taken_back_and_never_put_in_force_are_withdrawn(made: World) -> None:
    with made.database.read() as session:
        rows = session.exec(select(VersionRow)).all()
        active = set(session.exec(select(ActivationRow.digest)))
        states = {row.change: read_change(session, row.change).state for row in rows if row.change}
        expected = {
            row.digest
            for row in rows
            if row.change
            and row.digest not in active
            and states[row.change] in {ChangeState.DRAFT, ChangeState.WITHDRAWN, ChangeState.REJECTED}
        }
        assert len(expected) > 3
        assert withdrawn_versions(session) == expected
